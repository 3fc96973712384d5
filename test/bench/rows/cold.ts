import { run } from '../../engines/run.ts';
import { builtScript } from '../built.ts';
import type { DriveResult } from '../drive/answer-all.ts';
import { onCore } from '../measure/on-core.ts';
import type { Row } from '../row.ts';
import { goPeer, nodePeer } from '../world/peers.ts';
import type { ServerProcess } from '../world/server-process.ts';
import { authServer, pipeds } from '../world/spanpass.ts';
import { LOAD_CORE, SERVER_CORE, type World } from '../world/world.ts';
import { spending } from './figures.ts';

interface Server {
  readonly id: Row['id'];
  readonly label: string;
  readonly start: (world: World) => Promise<ServerProcess>;
  /** Whether it knows the keys of all pipeds, or of one. */
  readonly keys: 'all' | 'one';
}

/** Of one key nobody takes thousands of credentials in a second. */
const CHECKS_PER_KEY = 100;
const core = SERVER_CORE;

const SERVERS: readonly Server[] = [
  {
    id: 'cold/grpc-echo-verify',
    label: 'bare grpc-js echo and one `node:crypto` verification',
    start: world => nodePeer(world, 'grpc-echo-verify', core),
    keys: 'one',
  },
  { id: 'cold/go-jwt', label: 'Go', start: world => goPeer(world, 'cached', core), keys: 'one' },
  { id: 'cold/spanpass', label: '**spanpass**', start: world => authServer(world, { core }), keys: 'all' },
];

/** Each check shows a credential for the first time; the key is at hand. ES256 everywhere. */
export const coldRows: readonly Row[] = SERVERS.map(({ id, label, start, keys }) => ({
  id,
  label,
  async open(world, { checks: { cold: checks } }) {
    const server = await start(world);
    const shown = await pipeds(world, keys === 'one' ? 1 : Math.ceil(checks / CHECKS_PER_KEY));
    const script = builtScript('drive/cold');
    const drive = async (count: number): Promise<DriveResult> => {
      const args = [script, String(server.port), String(count), '32', ...shown.map(({ keyFilePath }) => keyFilePath)];
      const result = JSON.parse(await run(...onCoreOf(args), { timeoutMs: 120_000 })) as DriveResult;
      if (result.answers[0] !== count)
        throw new Error(`${id}: not all were allowed: ${JSON.stringify(result.answers)}`);
      return result;
    };
    await drive(Math.ceil(checks / 10));
    return async () => {
      const {
        result,
        micros: [micros = 0],
      } = await spending([server.pid], () => drive(checks));
      const { seconds, p50Ms, p99Ms } = result;
      return { cpuMicros: micros / checks, perSecond: checks / seconds, p50Ms, p99Ms };
    };
  },
}));

function onCoreOf(args: readonly string[]): [string, readonly string[]] {
  return [...onCore(LOAD_CORE, process.execPath, args)];
}
