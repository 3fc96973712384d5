import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import type { EnrolledPiped } from '../harness/admin.ts';
import { type RunningEnvoy, startEnvoy } from '../harness/envoy.ts';
import { keepMeasurements, percentile } from '../harness/measurements.ts';
import { tracesRequest, tracesRequestJson } from '../harness/otlp.ts';
import { bearer, passFor } from '../harness/passes.ts';
import { startPostgres } from '../harness/postgres.ts';
import { exportOverGrpc, exportOverHttp } from '../harness/raw-client.ts';
import { startSink } from '../harness/sink.ts';
import { Stage } from '../harness/stage.ts';
import { waitFor } from '../harness/wait.ts';
import { type Fleet, startFleet } from './fleet.ts';

const REVOCATIONS = 200;
const SERVERS = 3;
const MAX_STALE_MS = 8_000;
const POLL_MS = 2;

await describeWithEngine(['postgres', 'envoy'], 'a revocation', engines => {
  const stage = new Stage();
  let fleet: Fleet;
  let gateway: RunningEnvoy;
  const pipeds: { readonly piped: EnrolledPiped; readonly pass: string }[] = [];

  beforeAll(async () => {
    const { url } = await startPostgres(stage, engines.postgres);
    fleet = await startFleet(stage, {
      databaseUrl: url,
      settings: () => [{}, {}, { maxStaleMs: MAX_STALE_MS }],
    });
    const sink = await startSink(stage);
    const upstream = sink.url.replace('http://', '');
    gateway = await startEnvoy(
      stage,
      engines.envoy,
      {
        auth: { mode: 'grpc', endpoints: fleet.servers.slice(2).map(({ grpcPort }) => `127.0.0.1:${grpcPort}`) },
        upstream: { grpc: [upstream], http: [upstream] },
      },
      'gateway-token-of-the-suites',
    );
    for (let at = 0; at < REVOCATIONS + 2; at++) {
      const piped = await fleet.admin.enroll('shop', `piped-${at}`);
      pipeds.push({ piped, pass: await passFor(piped.keyFile) });
    }
  });
  afterAll(() => stage.dispose());

  const throughEnvoy = async (pass: string) => {
    const { http } = await exportOverHttp(gateway.httpPort, tracesRequestJson('x'), {
      authorization: `Bearer ${pass}`,
    });
    return http;
  };

  it('is known to every server within a second, 99 of 100 times', { timeout: 300_000 }, async () => {
    /** Milliseconds from the answer to the call, and from the call, until the first refusal. */
    const sinceAnswer: number[][] = [];
    const sinceCall: number[][] = [];
    const doors = [
      ...fleet.servers.map(({ client }) => async (pass: string) => {
        const told = await client.check(pass);
        if (told !== 'allowed' && told !== 'key_revoked') throw new Error(`answered ${told}`);
        return told === 'key_revoked';
      }),
      async (pass: string) => (await throughEnvoy(pass)) === 401,
    ];
    for (let at = 0; at < REVOCATIONS; at++) {
      const { piped, pass } = pipeds[at] as (typeof pipeds)[number];
      // What each of them has at hand is what has to be taken back.
      const before = await Promise.all(doors.map(isRefused => isRefused(pass)));
      expect(before).toEqual(doors.map(() => false));
      const calledAt = performance.now();
      const revoked = fleet.admin.revoke(piped.keyFile.kid).then(() => performance.now());
      const refusedAt = await Promise.all(
        doors.map(async isRefused => {
          while (!(await isRefused(pass))) {
            if (performance.now() - calledAt > 20_000) throw new Error('not refused within 20 s');
            await sleep(POLL_MS);
          }
          return performance.now();
        }),
      );
      const answeredAt = await revoked;
      sinceAnswer.push(refusedAt.map(refused => Math.max(0, refused - answeredAt)));
      sinceCall.push(refusedAt.map(refused => refused - calledAt));
    }
    expect(doors).toHaveLength(SERVERS + 1);
    const spread = (values: readonly number[]) =>
      Object.fromEntries(
        [0.5, 0.9, 0.99, 1].map(share => [`p${share * 100}`, Number(percentile(values, share).toFixed(1))]),
      );
    const names = [...fleet.servers.map((_, at) => `server ${at + 1}`), 'through Envoy'];
    const worst = (rows: readonly number[][]) => rows.map(row => Math.max(...row));
    await keepMeasurements('revocation-latency', {
      revocations: REVOCATIONS,
      unit: 'milliseconds',
      'from the answer, the last server': spread(worst(sinceAnswer)),
      'from the call, the last server': spread(worst(sinceCall)),
      ...Object.fromEntries(names.map((name, door) => [name, spread(sinceCall.map(row => row[door] ?? 0))])),
    });
    expect(percentile(worst(sinceAnswer), 0.99)).toBeLessThan(1000);
    expect(percentile(worst(sinceCall), 0.99)).toBeLessThan(1000);
  });

  it('is in the metrics of each server, with the time that it took to arrive', async () => {
    for (const { metricsPort } of fleet.servers) {
      const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
      expect(text).toContain(`spanpass_revocation_lag_seconds_count ${REVOCATIONS}\n`);
      const within = /spanpass_revocation_lag_seconds_bucket\{le="1"\} (\d+)\n/.exec(text)?.[1];
      expect(Number(within)).toBeGreaterThanOrEqual(REVOCATIONS * 0.99);
    }
  });

  it('on a server that is cut off: allowed until maxStale, then 503, and never 401', { timeout: 120_000 }, async () => {
    const [one, other] = pipeds.slice(REVOCATIONS) as [(typeof pipeds)[number], (typeof pipeds)[number]];
    const cutOff = fleet.servers[2] as Fleet['servers'][number];
    for (const { pass } of [one, other]) expect(await throughEnvoy(pass)).toBe(200);
    // Both sides believe that the connection is there.
    cutOff.way.silence();
    const cutAt = performance.now();
    await fleet.admin.revoke(one.piped.keyFile.kid);
    for (const { client } of fleet.servers.slice(0, 2)) {
      await waitFor('the others to know', async () => (await client.check(one.pass)) === 'key_revoked');
    }
    const seen: { readonly afterMs: number; readonly answers: readonly number[] }[] = [];
    while (performance.now() - cutAt < MAX_STALE_MS + 4_000) {
      const answers = await Promise.all([throughEnvoy(one.pass), throughEnvoy(other.pass)]);
      seen.push({ afterMs: performance.now() - cutAt, answers });
      await sleep(50);
    }
    const codes = new Set(seen.flatMap(({ answers }) => answers));
    expect(codes).toEqual(new Set([200, 503]));
    // A heartbeat, which is what staleness counts from, was heard at most about a second before.
    for (const { afterMs, answers } of seen) {
      if (afterMs < MAX_STALE_MS - 2_000) expect([afterMs, answers]).toEqual([afterMs, [200, 200]]);
      if (afterMs > MAX_STALE_MS + 500) expect([afterMs, answers]).toEqual([afterMs, [503, 503]]);
    }
    const overGrpc = await exportOverGrpc(gateway.grpcPort, tracesRequest('x'), [bearer(other.pass)]);
    expect(overGrpc.code).toBe(status.UNAVAILABLE);
    expect(await cutOff.client.check(one.pass)).toBe('key_source_unavailable');

    cutOff.way.mend();
    await waitFor('the way back', async () => (await cutOff.client.check(other.pass)) === 'allowed', 20_000);
    expect(await cutOff.client.check(one.pass)).toBe('key_revoked');
    expect([await throughEnvoy(one.pass), await throughEnvoy(other.pass)]).toEqual([401, 200]);
  });
});
