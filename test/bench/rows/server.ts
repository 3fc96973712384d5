import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CHECK_PATH, framedCheckRequest } from '../check-request.ts';
import { call, checkStatus, openSession } from '../drive/http2-calls.ts';
import { h2load } from '../measure/h2load.ts';
import type { Profile } from '../profile.ts';
import type { Row } from '../row.ts';
import { goPeer, nodePeer } from '../world/peers.ts';
import { STATIC_AUTHORIZATION } from '../world/pipecd.ts';
import type { ServerProcess } from '../world/server-process.ts';
import { authServer, freshPass } from '../world/spanpass.ts';
import { LOAD_CORE, SERVER_CORE, type World } from '../world/world.ts';
import { spending } from './figures.ts';
import { spoiled } from './gateway.ts';

interface Server {
  readonly id: Row['id'];
  readonly label: string;
  readonly start: (world: World) => Promise<ServerProcess>;
  readonly authorization?: string;
  readonly checks?: (profile: Profile) => number;
  readonly checksNothing?: true;
}

const core = SERVER_CORE;

const SERVERS: readonly Server[] = [
  { id: 'server/go-echo', label: 'Go, bare echo', start: world => goPeer(world, 'echo', core), checksNothing: true },
  { id: 'server/go-cached', label: 'Go, cached', start: world => goPeer(world, 'cached', core) },
  { id: 'server/go-jwt', label: 'Go, verifying each time (ES256)', start: world => goPeer(world, 'jwt', core) },
  {
    id: 'server/grpc-echo',
    label: 'bare grpc-js echo',
    start: world => nodePeer(world, 'grpc-echo', core),
    checksNothing: true,
  },
  {
    id: 'server/http2-echo',
    label: 'bare node:http2 echo, without grpc-js',
    start: world => nodePeer(world, 'http2-echo', core),
    checksNothing: true,
  },
  { id: 'server/spanpass', label: '**spanpass**, cached', start: world => authServer(world, { core }) },
  {
    id: 'server/spanpass-http2',
    label: '**spanpass**, cached, `grpcTransport: http2`',
    start: world => authServer(world, { core, grpcTransport: 'http2' }),
  },
  {
    id: 'server/spanpass-young-64',
    label: '**spanpass**, cached, `--max-semi-space-size=64`',
    start: world => authServer(world, { core, nodeFlags: ['--max-semi-space-size=64'] }),
  },
  {
    id: 'server/pipecd',
    label: "PipeCD's way (Go, bcrypt on each check)",
    start: world => goPeer(world, 'pipecd', core),
    authorization: STATIC_AUTHORIZATION,
    checks: ({ checks }) => checks.bcrypt,
  },
  {
    id: 'server/spanpass-pipecd-key',
    label: "**spanpass**, PipeCD's keys",
    start: world => authServer(world, { core, pipecd: true }),
    authorization: STATIC_AUTHORIZATION,
  },
];

/** Straight at a server on one core, the load on the other. */
export const serverRows: readonly Row[] = SERVERS.map(row => ({
  id: row.id,
  label: row.label,
  async open(world, profile) {
    const checks = row.checks?.(profile) ?? profile.checks.direct;
    const server = await row.start(world);
    const bodyFile = join(world.folder, `${row.id.replace('/', '-')}.bin`);
    const load = (requests: number) =>
      h2load(world.h2load.path, {
        url: `http://127.0.0.1:${server.port}${CHECK_PATH}`,
        headers: { 'content-type': 'application/grpc', te: 'trailers' },
        bodyFile,
        requests,
        connections: 2,
        streams: 32,
        core: LOAD_CORE,
      });
    const authorization = async () => row.authorization ?? `Bearer ${await freshPass(world)}`;
    const shown = await authorization();
    await assertJudges(row, server.port, shown);
    await writeFile(bodyFile, framedCheckRequest(shown));
    // What is compiled while it runs needs some thousand checks until it is.
    await load(Math.ceil(checks / 4));
    return async () => {
      await writeFile(bodyFile, framedCheckRequest(await authorization()));
      await load(Math.ceil(checks / 10));
      const {
        result,
        micros: [micros = 0],
      } = await spending([server.pid], () => load(checks));
      return { cpuMicros: micros / checks, perSecond: result.perSecond };
    };
  },
}));

export async function assertJudges(
  { id, checksNothing }: Pick<Server, 'id' | 'checksNothing'>,
  port: number,
  authorization: string,
): Promise<void> {
  const session = await openSession(port);
  try {
    const good = checkStatus(await call(session, CHECK_PATH, framedCheckRequest(authorization)));
    if (good !== 0) throw new Error(`${id} refuses a good credential with ${good}`);
    const bad = checkStatus(await call(session, CHECK_PATH, framedCheckRequest(spoiled(authorization))));
    if (!checksNothing && bad !== 16) throw new Error(`${id} answers a bad credential with ${bad}`);
  } finally {
    session.close();
  }
}
