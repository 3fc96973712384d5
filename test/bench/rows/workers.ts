import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { framedCheckRequest, TRACES_PATH } from '../check-request.ts';
import { connectionsOf } from '../measure/connections.ts';
import { h2load } from '../measure/h2load.ts';
import type { Row } from '../row.ts';
import { envoyGateway } from '../world/envoy.ts';
import { authServer, freshPass } from '../world/spanpass.ts';
import { spending } from './figures.ts';

interface Way {
  readonly id: Row['id'];
  readonly label: string;
  readonly workers: number;
  readonly workerPorts?: 'shared' | 'own';
}

/** As many as there are cores on the machine that the page is measured on. */
const ENVOY_WORKERS = 2;

const WAYS: readonly Way[] = [
  { id: 'workers/1', label: 'one process', workers: 1 },
  { id: 'workers/2-shared', label: 'two workers, one port', workers: 2, workerPorts: 'shared' },
  { id: 'workers/2-own', label: 'two workers, a port each', workers: 2, workerPorts: 'own' },
];

/** How the load of a real Envoy spreads. */
export const workerRows: readonly Row[] = WAYS.map(({ id, label, workers, workerPorts }) => ({
  id,
  label,
  async open(world, { checks: { gateway: checks } }) {
    const choice = workers === 1 ? {} : { workers, workerPorts };
    const server = await authServer(world, choice);
    const [first] = server.ports;
    const ports = workerPorts === 'own' ? server.ports : [first ?? server.port];
    const envoy = await envoyGateway(
      world,
      id.replace('/', '-'),
      { mode: 'grpc', port: server.port, ports },
      ENVOY_WORKERS,
    );
    const bodyFile = join(world.folder, 'export-of-workers.bin');
    await writeFile(bodyFile, framedCheckRequest('a body of the usual size'.repeat(10)));
    const load = async (requests: number) =>
      h2load(world.h2load.path, {
        url: `http://127.0.0.1:${envoy.port}${TRACES_PATH}`,
        headers: { authorization: `Bearer ${await freshPass(world)}`, 'content-type': 'application/grpc' },
        bodyFile,
        requests,
        connections: 8,
        streams: 8,
      });
    await load(Math.ceil(checks / 4));
    return async () => {
      await load(Math.ceil(checks / 20));
      const before = await checksOfEach(server.metricsUrl, workers);
      const pids = [envoy.pid, ...server.pids];
      const { result, micros } = await spending(pids, () => load(checks));
      const [gatewayMicros = 0, ...servers] = micros.map(each => each / checks);
      const answered = (await checksOfEach(server.metricsUrl, workers)).map((now, at) => now - (before[at] ?? 0));
      const connections = await Promise.all(server.pids.map(pid => connectionsOf(pid, ports)));
      const sum = answered.reduce((one, other) => one + other, 0);
      return {
        perSecond: result.perSecond,
        cpuMicros: servers.reduce((one, other) => one + other, 0),
        gatewayMicros,
        busiestPercent: (100 * Math.max(...answered)) / sum,
        mostConnections: Math.max(...connections),
        leastConnections: Math.min(...connections),
        workersInUse: answered.filter(count => count > 0).length,
      };
    };
  },
}));

/** Checks that each worker has answered, as `/metrics` says. */
async function checksOfEach(metricsUrl: string, workers: number): Promise<number[]> {
  const text = await (await fetch(metricsUrl)).text();
  const name =
    workers === 1 ? /^spanpass_check_decisions_total\{.*\} (\d+)$/gm : /^spanpass_worker_checks_total\{.*\} (\d+)$/gm;
  const counts = [...text.matchAll(name)].map(([, count]) => Number(count));
  return workers === 1 ? [counts.reduce((one, other) => one + other, 0)] : counts;
}
