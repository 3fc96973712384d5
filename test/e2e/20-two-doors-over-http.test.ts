import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { status } from '@grpc/grpc-js';
import {
  type CheckedRequest,
  openTls,
  type Principal,
  startHttpAuthz,
  withForwardedCertificates,
} from '@spanpass/server';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { startEnvoy } from '../harness/envoy.ts';
import { startGrpcSink } from '../harness/grpc-sink.ts';
import { startNginx } from '../harness/nginx.ts';
import { tracesRequest, tracesRequestJson } from '../harness/otlp.ts';
import { freePorts } from '../harness/ports.ts';
import { exportOverGrpc, exportOverHttp } from '../harness/raw-client.ts';
import { type RawHttpAuthServer, startRawHttpAuthServer } from '../harness/raw-http-auth-server.ts';
import { type Sink, startSink } from '../harness/sink.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { createAuthority } from '../harness/tls.ts';

const token = 'gateway-token-of-this-suite';
const identity = { 'x-spanpass-project': 'shop', 'x-spanpass-piped': 'piped-1' };
const claim = { 'x-spanpass-project': 'bank', 'x-spanpass-piped': 'piped-of-bank' };

const found: Principal = {
  project: 'shop',
  piped: 'piped-1',
  credentialId: 'key',
  authenticator: 'test',
  scopes: ['traces'],
  expiresAt: Number.MAX_SAFE_INTEGER,
};

const answer = (code: number, headers: Record<string, string> = {}) => {
  return (response: ServerResponse) => response.writeHead(code, { ...headers, 'content-length': 0 }).end();
};

/** What is undecided: 503, so that nothing is lost. */
const undecided: readonly (readonly [what: string, respond: (response: ServerResponse) => unknown])[] = [
  ['200 without headers', answer(200)],
  ['200 with the project and no piped', answer(200, { 'x-spanpass-project': 'shop' })],
  ['200 with the piped and no project', answer(200, { 'x-spanpass-piped': 'piped-1' })],
  ['200 with an empty project', answer(200, { ...identity, 'x-spanpass-project': '' })],
  ['200 with a project that no project can be called', answer(200, { ...identity, 'x-spanpass-project': 'a,b' })],
  ['500', answer(500, identity)],
  ['503', answer(503, identity)],
  ['silence', () => {}],
  ['a closed connection', response => response.destroy()],
  ['bytes that are no HTTP', response => response.socket?.end('\x00\x01\x02')],
];

/** What a correct auth server does not answer; no client is told to try again for ever. */
const wrong: typeof undecided = [
  ['a redirect', answer(302, { ...identity, location: 'http://127.0.0.1:9/' })],
  ['400', answer(400, identity)],
  ['404, as for a wrong dialect', answer(404, identity)],
  ['429', answer(429, identity)],
];

interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile: string;
}

interface AuthTls {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

interface Around {
  readonly auth: string | string[];
  readonly authTls?: AuthTls;
  readonly grpc: string;
  readonly http: string;
  readonly tls?: TlsFiles;
}

await describeWithEngine(['envoy', 'nginx'], 'a gateway that asks over HTTP', ({ envoy, nginx }) => {
  const gateways = {
    Envoy: (stage: Stage, { auth, authTls, grpc, http, tls }: Around) =>
      startEnvoy(
        stage,
        envoy,
        {
          auth: { mode: 'http', endpoints: [auth].flat(), ...(authTls && { tls: authTls }) },
          upstream: { grpc: [grpc], http: [http] },
          clusterTimeouts: { checkMs: 1_000 },
          ...(tls && { tls }),
        },
        token,
      ),
    nginx: (stage: Stage, { auth, authTls, grpc, http, tls }: Around) =>
      startNginx(
        stage,
        nginx,
        {
          auth: { endpoints: [auth].flat(), ...(authTls && { tls: { ...authTls, serverName: 'localhost' } }) },
          upstream: { grpc: [grpc], http: [http] },
          timeouts: { checkMs: 1_000 },
          ...(tls && { tls }),
        },
        token,
      ),
  };

  describe.each(Object.entries(gateways))('%s', (_, start) => {
    const stage = new Stage();
    let sink: Sink;
    let grpcSink: Awaited<ReturnType<typeof startGrpcSink>>;
    let auth: RawHttpAuthServer;
    let gateway: { readonly grpcPort: number; readonly httpPort: number };

    beforeAll(async () => {
      sink = await startSink(stage);
      grpcSink = await startGrpcSink(stage);
      auth = await startRawHttpAuthServer(stage, (_request, response) => answer(200, identity)(response));
      gateway = await start(stage, { auth: auth.endpoint, grpc: grpcSink.endpoint, http: new URL(sink.url).host });
    });
    beforeEach(() => {
      auth.answer = (_request, response) => answer(200, identity)(response);
    });
    afterAll(() => stage.dispose());

    const send = async (name: string) => ({
      grpc: await exportOverGrpc(gateway.grpcPort, tracesRequest(name), Object.entries(claim)),
      json: await exportOverHttp(gateway.httpPort, tracesRequestJson(name), claim),
    });

    it('opens for an identity, and hands on that one alone', async () => {
      const { grpc, json } = await send('identified');
      expect([grpc.code, json.http]).toEqual([status.OK, 200]);
      expect(sink.requestHeaders().at(-1)).toMatchObject({ ...identity, 'x-gateway-auth': `Bearer ${token}` });
      expect(grpcSink.received.at(-1)).toMatchObject({ ...identity, 'x-gateway-auth': `Bearer ${token}` });
    });

    it.each(undecided)('takes %s for undecided', async (what, respond) => {
      const before = [sink.requestHeaders().length, grpcSink.received.length];
      auth.answer = (_request, response) => respond(response);
      const { grpc, json } = await send(what);
      expect(grpc.code).toBe(status.UNAVAILABLE);
      expect(json).toMatchObject({ http: 503, status: { code: status.UNAVAILABLE } });
      expect(json.headers['retry-after']).toBe('1');
      expect([sink.requestHeaders().length, grpcSink.received.length]).toEqual(before);
    });

    it.each(wrong)('does not open for %s', async (what, respond) => {
      const before = [sink.requestHeaders().length, grpcSink.received.length];
      auth.answer = (_request, response) => respond(response);
      const grpc = await exportOverGrpc(gateway.grpcPort, tracesRequest(what), Object.entries(claim));
      expect(grpc.code).not.toBe(status.OK);
      // Whatever the body is: the status is what counts.
      const json = await exportOverHttp(gateway.httpPort, tracesRequestJson(what), claim).catch(() => ({ http: 500 }));
      expect(json.http).toBeGreaterThanOrEqual(300);
      expect([sink.requestHeaders().length, grpcSink.received.length]).toEqual(before);
    });

    it('asks another auth server where one is gone', async () => {
      const { nobody } = await freePorts('nobody');
      const endpoints = [`127.0.0.1:${nobody}`, auth.endpoint];
      const around = { grpc: grpcSink.endpoint, http: new URL(sink.url).host };
      const { grpcPort, httpPort } = await start(stage, { auth: endpoints, ...around });
      for (let sent = 0; sent < 20; sent++) {
        const grpc = await exportOverGrpc(grpcPort, tracesRequest('to the other one'));
        const json = await exportOverHttp(httpPort, tracesRequestJson('to the other one'));
        expect([grpc.code, json.http]).toEqual([status.OK, 200]);
      }
    });

    it('lets an export of 4 MB pass', async () => {
      expect(await exportOverGrpc(gateway.grpcPort, Buffer.alloc(4_000_000))).toMatchObject({ code: status.OK });
      const large = tracesRequestJson('a'.repeat(4_000_000));
      expect(await exportOverHttp(gateway.httpPort, large)).toMatchObject({ http: 200 });
    });
  });

  describe.each(Object.entries(gateways))('%s with client certificates', (_, start) => {
    const stage = new Stage();
    afterAll(() => stage.dispose());

    it('tells the auth server of its client what it verified itself, and nothing that the client says', async () => {
      const folder = await tempDir(stage, 'certificates');
      const authority = await createAuthority(folder, 'clients');
      const own = await authority.issue('gateway');
      const client = await authority.issue('client');
      const stranger = await (await createAuthority(folder, 'strangers')).issue('client');
      const seen: CheckedRequest[] = [];
      const server = withForwardedCertificates(
        {
          authenticate(request) {
            seen.push(request);
            return found;
          },
        },
        { trustedHops: ['127.0.0.1'] },
      );
      const port = await startHttpAuthz({ server, port: 0 });
      stage.defer(() => port.drain(0));
      const [sink, grpcSink] = [await startSink(stage), await startGrpcSink(stage)];
      const gateway = await start(stage, {
        auth: port.address,
        grpc: grpcSink.endpoint,
        http: new URL(sink.url).host,
        tls: { ...own, clientCaFile: authority.caFile },
      });
      const post = async (files: typeof client) => {
        const options = {
          host: '127.0.0.1',
          port: gateway.httpPort,
          path: '/v1/traces',
          method: 'POST',
          agent: false as const,
          ca: await readFile(authority.caFile),
          cert: await readFile(files.certFile),
          key: await readFile(files.keyFile),
          headers: {
            'content-type': 'application/json',
            'x-forwarded-client-cert': 'URI=spiffe://example.org/forged',
            'x-real-ip': '10.1.2.3',
          },
        };
        return new Promise<number>((resolve, reject) => {
          const request = httpsRequest(options, response => {
            response.resume();
            resolve(response.statusCode ?? 0);
          });
          request.once('error', reject).end(tracesRequestJson('with a certificate'));
        });
      };
      expect(await post(client)).toBe(200);
      const { fingerprint256 } = new X509Certificate(await readFile(client.certFile));
      const thumbprint = Buffer.from(fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');
      expect(seen.map(({ peer }) => peer)).toEqual([
        { address: '127.0.0.1', certificate: { principal: 'localhost', thumbprint } },
      ]);
      expect(await post(stranger).catch(() => 400)).toBe(400);
      expect(seen).toHaveLength(1);
      for (const name of ['x-forwarded-client-cert', 'x-real-ip']) {
        expect([name, JSON.stringify(sink.requestHeaders()[0]?.[name] ?? '')]).toEqual([
          name,
          expect.not.stringMatching(/forged|10\.1/),
        ]);
      }
    });

    it('shows the auth server its own certificate, and trusts no other one there', async () => {
      const folder = await tempDir(stage, 'auth-tls');
      const authority = await createAuthority(folder, 'servers');
      const stranger = await createAuthority(folder, 'strangers');
      const own = await authority.issue('gateway');
      const tls = await openTls({ ...(await authority.issue('auth')), clientCaFile: authority.caFile });
      stage.defer(() => tls[Symbol.asyncDispose]());
      const port = await startHttpAuthz({ server: { authenticate: () => found }, port: 0, tls });
      stage.defer(() => port.drain(0));
      const [sink, grpcSink] = [await startSink(stage), await startGrpcSink(stage)];
      const around = { auth: port.address, grpc: grpcSink.endpoint, http: new URL(sink.url).host };
      const send = async (authTls: AuthTls) => {
        const { httpPort } = await start(stage, { ...around, authTls });
        return (await exportOverHttp(httpPort, tracesRequestJson('over TLS'))).http;
      };
      expect(await send({ caFile: authority.caFile, ...own })).toBe(200);
      expect(await send({ caFile: stranger.caFile, ...own })).toBe(503);
      expect(await send({ caFile: authority.caFile, ...(await stranger.issue('gateway')) })).toBe(503);
    });
  });
});
