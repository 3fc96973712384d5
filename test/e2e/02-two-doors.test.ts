import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { bareStatus, deniedResponse, okResponse, okWithDenial } from '../harness/check-response.ts';
import { type RunningCollector, startCollector } from '../harness/collector.ts';
import { type RunningEnvoy, startEnvoy } from '../harness/envoy.ts';
import { tracesRequest, tracesRequestJson } from '../harness/otlp.ts';
import { type RawAnswer, type RawAuthServer, startRawAuthServer } from '../harness/raw-auth-server.ts';
import { exportOverGrpc, exportOverHttp } from '../harness/raw-client.ts';
import { decodeStatusBytes } from '../harness/rpc-status.ts';
import { type Sink, startSink, valuesOf } from '../harness/sink.ts';
import { Stage } from '../harness/stage.ts';

const token = 'gateway-token-of-this-suite';
const identity = { 'x-spanpass-project': 'shop', 'x-spanpass-piped': 'piped-1' };

/** What a client says of itself, in case nobody else says anything. */
const claim = { 'x-spanpass-project': 'bank', 'x-spanpass-piped': 'piped-of-bank' };

/** Every way in which an auth server can fail to say yes, among them those that Envoy by itself takes for a yes. */
const notAYes: readonly (readonly [what: string, answer: RawAnswer])[] = [
  ['an empty CheckResponse', new Uint8Array()],
  ['OK, without headers', okResponse({})],
  ['OK by status alone', bareStatus(0)],
  ['OK, with the project and no piped', okResponse({ 'x-spanpass-project': 'shop' })],
  ['OK, with the piped and no project', okResponse({ 'x-spanpass-piped': 'piped-1' })],
  ['OK, with an empty project', okResponse({ ...identity, 'x-spanpass-project': '' })],
  ['OK, with a project that no project can be called', okResponse({ ...identity, 'x-spanpass-project': 'a,b' })],
  ['OK, with a line break in the project', okResponse({ ...identity, 'x-spanpass-project': 'a\r\nx-evil: b' })],
  ['OK, and a header that is not its business', okResponse({ ...identity, 'x-other': 'value' })],
  ['OK, and another path', okResponse({ ...identity, ':path': '/v1/metrics' })],
  ['OK, with a denied_response', okWithDenial(503)],
  ['bytes that are no protobuf', Buffer.from('ffffffff', 'hex')],
  ['gRPC error INTERNAL', { code: status.INTERNAL, details: 'a bug' }],
  ['gRPC error UNAUTHENTICATED', { code: status.UNAUTHENTICATED, details: 'not how a refusal is given' }],
  ['gRPC error PERMISSION_DENIED', { code: status.PERMISSION_DENIED, details: 'not how a refusal is given' }],
  ['silence', 'silence'],
];

await describeWithEngine(['envoy', 'otelcol'], 'nothing opens the gateway but an identity', ({ envoy, otelcol }) => {
  const stage = new Stage();
  let sink: Sink;
  let auth: RawAuthServer;
  let gateway: RunningEnvoy;

  beforeAll(async () => {
    sink = await startSink(stage);
    const collector: RunningCollector = await startCollector(
      stage,
      otelcol,
      { exportTo: [{ protocol: 'http', endpoint: sink.url, encoding: 'json' }] },
      token,
    );
    auth = await startRawAuthServer(stage, okResponse(identity));
    gateway = await startEnvoy(
      stage,
      envoy,
      {
        auth: { mode: 'grpc', endpoints: [auth.endpoint] },
        upstream: { grpc: [collector.grpcEndpoint], http: [collector.httpEndpoint] },
        clusterTimeouts: { checkMs: 1_000 },
      },
      token,
    );
  });
  beforeEach(() => {
    auth.answer = okResponse(identity);
  });
  afterAll(() => stage.dispose());

  it('an identity does', async () => {
    expect(await exportOverGrpc(gateway.grpcPort, tracesRequest('over gRPC'))).toMatchObject({ code: status.OK });
    expect(await exportOverHttp(gateway.httpPort, tracesRequest('over HTTP'))).toMatchObject({ http: 200 });
    for (const name of ['over gRPC', 'over HTTP']) {
      const { resource } = await sink.span(name);
      expect(valuesOf(resource, 'project-id')).toEqual(['shop']);
      expect(valuesOf(resource, 'piped-id')).toEqual(['piped-1']);
    }
  });

  it('what is handed on has the identity, the token of the gateway, and no pass', async () => {
    const backend = await startSink(stage);
    const upstream = { http: [new URL(backend.url).host] };
    const auths = { mode: 'grpc', endpoints: [auth.endpoint] } as const;
    const direct = await startEnvoy(stage, envoy, { auth: auths, upstream }, token);
    const sent = await exportOverHttp(direct.httpPort, tracesRequestJson('handed on'), {
      authorization: 'Bearer a-pass',
      'x-spanpass-project': ['bank', 'shop'],
      'X-Spanpass-Piped': 'piped-of-bank',
      'x-gateway-auth': 'Bearer guessed',
    });
    expect(sent.http).toBe(200);
    const [headers] = backend.requestHeaders();
    expect(headers).toMatchObject({ ...identity, 'x-gateway-auth': `Bearer ${token}` });
    expect(headers).not.toHaveProperty('authorization');
    expect(JSON.stringify(headers)).not.toMatch(/bank|guessed|a-pass/);
  });

  it.each(notAYes)('not %s: UNAVAILABLE, and 503 in the encoding of the request', async (what, answer) => {
    auth.answer = answer;
    const overGrpc = await exportOverGrpc(gateway.grpcPort, tracesRequest(what), Object.entries(claim));
    expect(overGrpc).toMatchObject({ code: status.UNAVAILABLE });
    for (const body of [tracesRequest(what), tracesRequestJson(what)]) {
      const overHttp = await exportOverHttp(gateway.httpPort, body, claim);
      expect(overHttp).toMatchObject({ http: 503, status: { code: status.UNAVAILABLE } });
      expect(overHttp.headers['retry-after']).toBe('1');
      expect(overHttp.contentType).toBe(typeof body === 'string' ? 'application/json' : 'application/x-protobuf');
    }
    // What went before has come through by the time that a later one has.
    auth.answer = okResponse(identity);
    await exportOverHttp(gateway.httpPort, tracesRequest(`after ${what}`));
    await sink.span(`after ${what}`);
    expect(sink.spans().map(span => span.name)).not.toContain(what);
  });

  it('a refusal keeps its code and its words', async () => {
    auth.answer = deniedResponse(status.PERMISSION_DENIED, 403, 'this piped is disabled');
    const overGrpc = await exportOverGrpc(gateway.grpcPort, tracesRequest('refused'));
    expect(overGrpc).toMatchObject({ code: status.PERMISSION_DENIED, message: 'this piped is disabled' });
    const overHttp = await exportOverHttp(gateway.httpPort, tracesRequestJson('refused'));
    expect(overHttp).toMatchObject({
      http: 403,
      status: { code: status.PERMISSION_DENIED, message: 'this piped is disabled' },
    });
  });

  it.each([
    ['told', 'overloaded', 'overloaded: too many checks are under way'],
    ['not told', undefined, 'authorization unavailable'],
  ])('"try again later" keeps its words where its reason is %s', async (_what, reason, words) => {
    auth.answer = deniedResponse(status.UNAVAILABLE, 503, 'overloaded: too many checks are under way', reason);
    const overGrpc = await exportOverGrpc(gateway.grpcPort, tracesRequest('later'));
    expect(overGrpc).toMatchObject({ code: status.UNAVAILABLE, message: words });
    const details = decodeStatusBytes(overGrpc.metadata['grpc-status-details-bin'] as Buffer);
    expect(details).toMatchObject({ code: status.UNAVAILABLE, retryAfterSeconds: 1 });
    const overHttp = await exportOverHttp(gateway.httpPort, tracesRequestJson('later'));
    expect(overHttp).toMatchObject({ http: 503, status: { code: status.UNAVAILABLE, message: words } });
  });
});
