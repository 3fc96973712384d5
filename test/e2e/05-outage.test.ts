import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import type { EnrolledPiped } from '../harness/admin.ts';
import { tracesRequest, tracesRequestJson } from '../harness/otlp.ts';
import { bearer, passFor } from '../harness/passes.ts';
import { exportOverGrpc, exportOverHttp } from '../harness/raw-client.ts';
import { decodeStatusBytes } from '../harness/rpc-status.ts';
import { Stage } from '../harness/stage.ts';
import { waitFor } from '../harness/wait.ts';
import { startTheWay, type TheWay } from './the-way.ts';

await describeWithEngine(['envoy', 'otelcol'], 'who can not decide says so', engines => {
  const stage = new Stage();
  let way: TheWay;
  let piped: EnrolledPiped;

  beforeAll(async () => {
    way = await startTheWay(stage, engines, { checkMs: 1_000 });
    piped = await way.admin.enroll('shop', 'piped-1');
  });
  afterAll(() => stage.dispose());

  async function sendOverGrpc(name: string) {
    return exportOverGrpc(way.gateway.grpcPort, tracesRequest(name), [bearer(await passFor(piped.keyFile))]);
  }

  async function sendOverHttp(body: Uint8Array | string) {
    const authorization = `Bearer ${await passFor(piped.keyFile)}`;
    return exportOverHttp(way.gateway.httpPort, body, { authorization });
  }

  it('the auth server killed under load: UNAVAILABLE or passed, never PERMISSION_DENIED', async () => {
    expect(await sendOverGrpc('before')).toMatchObject({ code: status.OK });
    const sent = Array.from({ length: 60 }, async (_, index) => {
      await sleep(index * 10);
      return sendOverGrpc(`around the kill ${index}`);
    });
    await sleep(300);
    await way.authServer.stop('SIGKILL');
    const codes = new Set((await Promise.all(sent)).map(({ code }) => code));
    expect(codes).toEqual(new Set([status.OK, status.UNAVAILABLE]));
  });

  it('while it is down: when to try again', async () => {
    const overGrpc = await sendOverGrpc('lost');
    expect(overGrpc).toMatchObject({ code: status.UNAVAILABLE });
    expect(overGrpc.metadata['retry-after']).toBe('1');
    const details = decodeStatusBytes(overGrpc.metadata['grpc-status-details-bin'] as Buffer);
    expect(details).toMatchObject({ code: status.UNAVAILABLE, retryAfterSeconds: 1 });

    for (const body of [tracesRequest('lost'), tracesRequestJson('lost')]) {
      const overHttp = await sendOverHttp(body);
      expect(overHttp).toMatchObject({ http: 503, status: { code: status.UNAVAILABLE } });
      expect(overHttp.headers['retry-after']).toBe('1');
    }
  });

  it('after its restart spans pass', async () => {
    await way.restartAuthServer();
    await waitFor('the gateway to find it', async () => (await sendOverGrpc('after')).code === status.OK);
    await way.sink.span('after');
    expect(way.sink.spans().map(span => span.name)).not.toContain('lost');
  });

  it('the control plane down: known keys pass, unknown ones are undecided', async () => {
    const late = await way.admin.enroll('shop', 'piped-late');
    await way.controlPlane.stop('SIGKILL');
    expect(await sendOverGrpc('by a known key')).toMatchObject({ code: status.OK });
    const pass = bearer(await passFor(late.keyFile));
    const outcome = await exportOverGrpc(way.gateway.grpcPort, tracesRequest('by an unknown key'), [pass]);
    expect(outcome).toMatchObject({ code: status.UNAVAILABLE });
    await way.sink.span('by a known key');
  });
});
