import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CHECK_PATH, framedCheckRequest } from '../check-request.ts';
import { call, checkStatus, openSession } from '../drive/http2-calls.ts';
import { h2load } from '../measure/h2load.ts';
import type { Profile } from '../profile.ts';
import type { Row } from '../row.ts';
import type { ServerProcess } from '../world/server-process.ts';
import { freshPass } from '../world/spanpass.ts';
import { LOAD_CORE, type World } from '../world/world.ts';
import { spending } from './figures.ts';
import { spoiled } from './gateway.ts';

export interface DirectServer {
  readonly id: Row['id'];
  readonly label: string;
  readonly start: (world: World) => Promise<ServerProcess>;
  readonly authorization?: string;
  readonly checks?: (profile: Profile) => number;
  readonly checksNothing?: true;
}

/** Straight at a server on one core, the load on the other. */
export const directRow = (row: DirectServer): Row => ({
  id: row.id,
  label: row.label,
  async open(world, profile) {
    const checks = row.checks?.(profile) ?? profile.checks.direct;
    const server = await row.start(world);
    const bodyFile = join(world.folder, `${row.id.replaceAll('/', '-')}.bin`);
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
});

export async function assertJudges(
  { id, checksNothing }: Pick<DirectServer, 'id' | 'checksNothing'>,
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
