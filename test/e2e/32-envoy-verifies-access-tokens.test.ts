import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { createKeyPair, signAccessToken } from '@spanpass/credential';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import type { EnrolledPiped } from '../harness/admin.ts';
import { startCollector } from '../harness/collector.ts';
import { type RunningEnvoy, startEnvoy } from '../harness/envoy.ts';
import { exportSpan } from '../harness/export.ts';
import { tracesRequest, tracesRequestJson } from '../harness/otlp.ts';
import { bearer, passFor } from '../harness/passes.ts';
import { freePorts } from '../harness/ports.ts';
import { exportOverGrpc, exportOverHttp } from '../harness/raw-client.ts';
import { startForward } from '../harness/servers.ts';
import { type Sink, startSink, valuesOf } from '../harness/sink.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { endOf, type Issuer, signerOf, startIssuer } from './exchanged.ts';

const gatewayToken = 'gateway-token-of-the-suites';
/** Envoy forgives as much, and its cache of tokens does whatever it is told. */
const CLOCK_SKEW_MS = 60_000;

await describeWithEngine(['envoy', 'otelcol'], 'Envoy verifies access tokens itself', engines => {
  const stage = new Stage();
  let issuer: Issuer;
  let sink: Sink;
  let gateway: RunningEnvoy;
  let piped: EnrolledPiped;

  beforeAll(async () => {
    sink = await startSink(stage);
    const exportTo = [{ protocol: 'http', endpoint: sink.url, encoding: 'json' }] as const;
    const [collector, started] = await Promise.all([
      startCollector(stage, engines.otelcol, { exportTo: [...exportTo] }, gatewayToken),
      startIssuer(stage),
    ]);
    issuer = started;
    gateway = await startEnvoy(
      stage,
      engines.envoy,
      {
        auth: { mode: 'jwt', issuer: issuer.url, endpoints: [issuer.endpoint], keyMaxAgeMs: 1000 },
        upstream: { grpc: [collector.grpcEndpoint], http: [collector.httpEndpoint] },
      },
      gatewayToken,
    );
    piped = await issuer.admin.enroll('shop', 'piped-1');
  });
  afterAll(() => stage.dispose());

  const send = (name: string, ...headers: (readonly [string, string])[]) =>
    exportOverGrpc(gateway.grpcPort, tracesRequest(name), headers);
  const codeOf = async (name: string, token: string) => (await send(name, bearer(token))).code;

  it('and stamps who they are of, whatever the client says of itself', async () => {
    const claims = [
      ['x-spanpass-project', 'bank'],
      ['x-spanpass-piped', 'piped-of-bank'],
      ['x-gateway-auth', 'Bearer mine'],
    ] as const;
    expect(await send('stamped', bearer(await issuer.token(piped)), ...claims)).toMatchObject({ code: status.OK });
    const { resource } = await sink.span('stamped');
    expect(valuesOf(resource, 'project-id')).toEqual(['shop']);
    expect(valuesOf(resource, 'piped-id')).toEqual(['piped-1']);
    await gateway.logged({ project: 'shop', piped: 'piped-1' });
  });

  it('from the stock exporter, with one option of the client', async () => {
    const url = `http://127.0.0.1:${gateway.grpcPort}`;
    const exporter = new OTLPTraceExporter({ url, credentials: issuer.client(piped).credentialsFor(url) });
    expect(await exportSpan(exporter, 'from the stock exporter')).toBe('accepted');
    await exporter.shutdown();
    await sink.span('from the stock exporter');
  });

  it('from a sidecar, with one of its flags', async () => {
    const ports = await freePorts('grpcPort', 'httpPort');
    const spoolDir = await tempDir(stage, 'spool');
    const endpoint = `http://127.0.0.1:${gateway.grpcPort}`;
    await startForward(stage, { ...ports, keyFile: piped.keyFilePath, endpoint, spoolDir, args: ['--exchange'] });
    expect((await exportOverGrpc(ports.grpcPort, tracesRequest('from a sidecar'))).code).toBe(status.OK);
    expect(valuesOf((await sink.span('from a sidecar')).resource, 'piped-id')).toEqual(['piped-1']);
  });

  it('over HTTP', async () => {
    const headers = { ...(await issuer.client(piped).headers()), 'x-spanpass-project': 'bank' };
    const { http } = await exportOverHttp(gateway.httpPort, tracesRequestJson('over HTTP'), headers);
    expect(http).toBe(200);
    expect(valuesOf((await sink.span('over HTTP')).resource, 'project-id')).toEqual(['shop']);
  });

  describe('but lets nothing pass', () => {
    const foreign = async (changes: object = {}) => {
      const seconds = Math.floor(Date.now() / 1000);
      const own = signerOf(await issuer.token(piped));
      return signAccessToken({ ...(await createKeyPair()), kid: own } as never, {
        ...{ issuer: issuer.url, audience: 'spanpass-gateway', project: 'shop', piped: 'piped-1', scopes: ['traces'] },
        ...{ issuedAt: seconds, expiresAt: seconds + 60, jti: '1', ...changes },
      });
    };

    it.each<[string, () => Promise<string>]>([
      ['of a stranger under the name of its key', () => foreign()],
      ['of another issuer', () => foreign({ issuer: 'https://control-plane.example.org' })],
      ['that a piped made for the gateway', () => passFor(piped.keyFile)],
      ['with other claims under the signature', async () => tampered(await issuer.token(piped))],
      ['that is none', async () => 'abc'],
    ])('with a token %s', async (_, make) => {
      expect(await codeOf('refused', await make())).toBe(status.UNAUTHENTICATED);
    });

    it('without a token, or with two', async () => {
      expect((await send('refused')).code).toBe(status.UNAUTHENTICATED);
      const token = await issuer.token(piped);
      // As a bad request (400).
      expect((await send('refused', bearer(token), bearer(token))).code).toBe(status.INTERNAL);
      const { http, headers, status: body } = await exportOverHttp(gateway.httpPort, tracesRequestJson('refused'));
      expect({ http, code: body?.code }).toEqual({ http: 401, code: status.UNAUTHENTICATED });
      expect(headers['www-authenticate']).toContain('Bearer');
    });

    it('for another gateway', async () => {
      const other = await startEnvoy(
        stage,
        engines.envoy,
        { auth: { mode: 'jwt', issuer: issuer.url, endpoints: [issuer.endpoint], audience: 'another-gateway' } },
        gatewayToken,
      );
      const { code } = await exportOverGrpc(other.grpcPort, tracesRequest('refused'), [
        bearer(await issuer.token(piped)),
      ]);
      expect(code).toBe(status.PERMISSION_DENIED);
    });

    it('of a signal that the piped may not send', async () => {
      const narrow = await issuer.admin.enroll('shop', 'only-metrics', ['metrics']);
      const headers = await issuer.client(narrow).headers();
      expect(await codeOf('refused', headers.authorization?.slice(7) ?? '')).toBe(status.PERMISSION_DENIED);
      const traces = await exportOverHttp(gateway.httpPort, tracesRequestJson('refused'), headers);
      expect({ http: traces.http, code: traces.status?.code }).toEqual({ http: 403, code: status.PERMISSION_DENIED });
      const metrics = await exportOverHttp(gateway.httpPort, '{"resourceMetrics":[]}', headers, '/v1/metrics');
      expect(metrics.http).toBe(200);
    });
  });

  it('while the key that signs is replaced, and refuses not one export', { timeout: 90_000 }, async () => {
    const client = issuer.client(piped);
    const signers = new Set<string>();
    const codes = new Map<number, number>();
    const before = signerOf(await client.source.credential());
    const next = await issuer.rotate('--in', '5');
    const until = Date.now() + 20_000;
    while (Date.now() < until) {
      const token = await client.source.credential();
      signers.add(signerOf(token));
      const code = await codeOf('during the rotation', token);
      codes.set(code, (codes.get(code) ?? 0) + 1);
      await sleep(20);
    }
    expect([...signers]).toEqual([before, next]);
    expect([...codes.keys()]).toEqual([status.OK]);
    expect(codes.get(status.OK)).toBeGreaterThan(100);
  });

  it('by a key that was withdrawn only what it has verified before, once it has fetched the keys again', async () => {
    const [seen, unseen] = [await issuer.token(piped), await issuer.token(piped)];
    expect(await codeOf('before the withdrawal', seen)).toBe(status.OK);
    await issuer.rotate('--withdraw-others');
    await sleep(3000);
    expect(await codeOf('refused', unseen)).toBe(status.UNAUTHENTICATED);
    expect(await codeOf('remembered', seen)).toBe(status.OK);
    expect(await codeOf('by the new key', await issuer.token(piped))).toBe(status.OK);
  });

  it('of a revoked key for as long as its tokens live, and gives it no new one', { timeout: 120_000 }, async () => {
    const stolen = await issuer.admin.enroll('shop', 'stolen');
    const client = issuer.client(stolen);
    const [seen, unseen] = [await client.source.credential(), await issuer.token(stolen)];
    expect(await codeOf('before the revocation', seen)).toBe(status.OK);
    await issuer.admin.revoke(stolen.keyFile.kid);
    client.source.invalidate(seen);
    await expect(client.source.credential()).rejects.toMatchObject({ code: 'token_refused' });
    expect(await codeOf('after the revocation', seen)).toBe(status.OK);
    await sleep(endOf(unseen) + CLOCK_SKEW_MS + 1500 - Date.now());
    expect(await codeOf('refused', seen)).toBe(status.UNAUTHENTICATED);
    expect(await codeOf('refused', unseen)).toBe(status.UNAUTHENTICATED);
  });

  it('while the control plane is down; started without it, it says to come back', { timeout: 90_000 }, async () => {
    const token = await issuer.token(piped);
    await issuer.process.stop();
    await sleep(2500);
    expect(await codeOf('without the control plane', token)).toBe(status.OK);
    await gateway.process.stop();
    await gateway.restart();
    const { code } = await send('too early', bearer(token));
    expect(code).toBe(status.UNAVAILABLE);
    const { http, headers } = await exportOverHttp(gateway.httpPort, tracesRequestJson('too early'), {
      authorization: `Bearer ${token}`,
    });
    expect({ http, retryAfter: headers['retry-after'] }).toEqual({ http: 503, retryAfter: '1' });
    await issuer.restart();
    const fresh = await issuer.token(piped);
    await waitFor('the keys to be fetched', async () => (await codeOf('again', fresh)) === status.OK, 15_000);
    expect(sink.spans().map(({ name }) => name)).not.toContain('refused');
  });
});

function tampered(token: string): string {
  const [header, payload = '', signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const changed = Buffer.from(JSON.stringify({ ...claims, project: 'bank' })).toString('base64url');
  return [header, changed, signature].join('.');
}
