import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import type { EnrolledPiped } from '../harness/admin.ts';
import { tracesRequest, tracesRequestJson } from '../harness/otlp.ts';
import { bearer, passFor } from '../harness/passes.ts';
import { exportOverGrpc, exportOverHttp } from '../harness/raw-client.ts';
import { Stage } from '../harness/stage.ts';
import { startTheWay, type TheWay } from './the-way.ts';

/** What somebody who reaches the Collector itself would try: to be stamped as whoever they like. */
const forged = { 'x-spanpass-project': 'bank', 'x-spanpass-piped': 'piped-of-bank' };

await describeWithEngine(['envoy', 'otelcol'], 'there is no way around the gateway', engines => {
  const stage = new Stage();
  let way: TheWay;
  let piped: EnrolledPiped;
  let pass: string;

  beforeAll(async () => {
    way = await startTheWay(stage, engines);
    piped = await way.admin.enroll('shop', 'piped-1');
    pass = await passFor(piped.keyFile);
  });
  afterAll(() => stage.dispose());

  const portOf = (endpoint: string) => Number(endpoint.split(':')[1]);

  it.each([
    ['with forged identity headers', {}],
    ['with a wrong gateway token', { 'x-gateway-auth': 'Bearer guessed' }],
    ['with an empty gateway token', { 'x-gateway-auth': 'Bearer ' }],
    ['with the token that an unset variable would have made', { 'x-gateway-auth': 'Bearer -' }],
  ])('to the Collector, %s', async (_how, extra) => {
    const headers = { ...forged, ...extra, authorization: `Bearer ${pass}` };
    const collector = portOf(way.collector.grpcEndpoint);
    const overGrpc = await exportOverGrpc(collector, tracesRequest('around'), Object.entries(headers));
    expect(overGrpc).toMatchObject({ code: status.UNAUTHENTICATED });
    const overHttp = await exportOverHttp(portOf(way.collector.httpEndpoint), tracesRequestJson('around'), headers);
    expect(overHttp.http).toBe(401);
  });

  it('by the name of the gateway: its token from a client is worth nothing', async () => {
    const claim = ['x-gateway-auth', 'Bearer guessed'] as const;
    const withPass = await exportOverGrpc(way.gateway.grpcPort, tracesRequest('token'), [bearer(pass), claim]);
    expect(withPass).toMatchObject({ code: status.OK });
    await way.sink.span('token');
    const without = await exportOverGrpc(way.gateway.grpcPort, tracesRequest('around'), [claim]);
    expect(without).toMatchObject({ code: status.UNAUTHENTICATED });
  });

  it.each([
    ['/v1/../v1/traces', 200],
    ['//v1//traces', 200],
    ['/v1/%74races', 200],
    ['/v1%2ftraces', 400],
    ['/v1/traces/', 404],
    ['/V1/traces', 404],
    ['/v1/unheard-of', 404],
    ['/', 404],
  ])('by another spelling of a path: %s → %i, and only with a pass', async (path, withPass) => {
    const authorization = `Bearer ${pass}`;
    const body = tracesRequestJson(`path ${path}`);
    expect(await exportOverHttp(way.gateway.httpPort, body, { authorization }, path)).toMatchObject({ http: withPass });
    const without = await exportOverHttp(way.gateway.httpPort, tracesRequestJson('around'), {}, path);
    expect(without.http).toBe(withPass === 200 ? 401 : withPass);
  });

  it('by a method that no OTLP service has: UNIMPLEMENTED, with a pass and without', async () => {
    const method = '/opentelemetry.proto.collector.trace.v1.TraceService/Delete';
    for (const headers of [[bearer(pass)], []]) {
      const outcome = await exportOverGrpc(way.gateway.grpcPort, tracesRequest('around'), headers, method);
      expect(outcome).toMatchObject({ code: status.UNIMPLEMENTED });
    }
  });

  it('and nothing came that way', async () => {
    await exportOverGrpc(way.gateway.grpcPort, tracesRequest('through the gateway'), [bearer(pass)]);
    await way.sink.span('through the gateway');
    expect(way.sink.spans().map(span => span.name)).not.toContain('around');
    expect(JSON.stringify(way.sink.spans().map(span => span.resource))).not.toContain('bank');
  });
});
