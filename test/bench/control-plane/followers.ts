import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { waitFor } from '../../harness/wait.ts';
import { quantile } from '../measure/statistics.ts';
import { ADMIN_TOKEN, AUTH_SERVER_TOKEN, type FilledRegistry } from './registries.ts';

/** Some heartbeats long. */
const IDLE_MS = 4_000;

export interface FollowersResult {
  /** From the call to revoke until so many, and all, of the followers had read of it. */
  readonly p50Ms: number;
  readonly maxMs: number;
  /** Processor time per event and follower, less what heartbeats take meanwhile; absent if nobody told of it. */
  readonly eventMicros?: number;
}

/**
 * Connects so many followers of the change feed, and revokes a key a few times while all of them listen, there or
 * at another replica.
 */
export async function revokeBeforeFollowers(
  { url, kids, revokeAt = url }: FilledRegistry & { readonly revokeAt?: string | undefined },
  {
    followers,
    revocations,
    usedMicros,
  }: {
    readonly followers: number;
    readonly revocations: number;
    /** Processor time that the followers' replica has used since it began. */
    readonly usedMicros?: () => Promise<number>;
  },
): Promise<FollowersResult> {
  const sockets: Socket[] = [];
  const heard = new Map<string, number[]>();
  const { hostname, port } = new URL(url);
  let live = 0;
  try {
    // A few at a time, as a listener's backlog is short.
    for (let at = 0; at < followers; at++) {
      const socket = connect(Number(port), hostname);
      sockets.push(socket);
      socket.on('error', () => {});
      let rest = '';
      let isLive = false;
      socket.setEncoding('utf8').on('data', text => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          if (!isLive && line.startsWith('event: heartbeat')) {
            isLive = true;
            live++;
          }
          const kid = line.startsWith('data: {') ? /"kid":"([\w-]{43})"/.exec(line)?.[1] : undefined;
          if (kid !== undefined) heard.get(kid)?.push(performance.now());
        }
      });
      await once(socket, 'connect');
      socket.write(
        `GET /v1/changes HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${AUTH_SERVER_TOKEN}\r\n\r\n`,
      );
    }
    await waitFor('followers', () => live === followers, 60_000);
    const delays: number[] = [];
    const meter = usedMicros && (await meterOf(usedMicros));
    for (const kid of kids.slice(0, revocations)) {
      const times: number[] = [];
      heard.set(kid, times);
      const askedAt = performance.now();
      const answer = await fetch(`${revokeAt}/v1/keys/${kid}/revoke?force=true`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      });
      if (answer.status !== 200) throw new Error(`revoking ${kid}: ${answer.status} ${await answer.text()}`);
      await waitFor('all followers', () => times.length === followers, 30_000);
      delays.push(...times.map(time => time - askedAt));
    }
    const micros = await meter?.();
    return {
      p50Ms: quantile(delays, 0.5),
      maxMs: quantile(delays, 1),
      ...(micros !== undefined && { eventMicros: micros / (followers * revocations) }),
    };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

/** Looks at what it takes while nothing changes; then tells what was used from now on beyond that. */
async function meterOf(usedMicros: () => Promise<number>): Promise<() => Promise<number>> {
  const since = async () => ({ ms: performance.now(), micros: await usedMicros() });
  const idle = await since();
  await setTimeout(IDLE_MS);
  const begin = await since();
  const idleMicrosPerMs = (begin.micros - idle.micros) / (begin.ms - idle.ms);
  return async () => {
    const end = await since();
    return Math.max(0, end.micros - begin.micros - idleMicrosPerMs * (end.ms - begin.ms));
  };
}
