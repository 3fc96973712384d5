import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import type { EnrolledPiped } from '../harness/admin.ts';
import type { RunningEnvoy } from '../harness/envoy.ts';
import { tracesRequest } from '../harness/otlp.ts';
import { bearer, passFor } from '../harness/passes.ts';
import { exportOverGrpc } from '../harness/raw-client.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { type Authority, type CertificateFiles, createAuthority } from '../harness/tls.ts';
import { waitFor } from '../harness/wait.ts';
import { startTheWay, type TheWay } from './the-way.ts';

await describeWithEngine(['envoy', 'otelcol'], 'a pass is bound to a client certificate', engines => {
  const stage = new Stage();
  let way: TheWay;
  let piped: EnrolledPiped;
  let mutual: RunningEnvoy;
  let overHttp: RunningEnvoy;
  let gateways: Authority;
  let own: CertificateFiles;
  let stolen: CertificateFiles;
  let bound: string;
  let config: string;

  beforeAll(async () => {
    const folder = await tempDir(stage, 'bound');
    gateways = await createAuthority(folder, 'gateways');
    const clients = await createAuthority(folder, 'clients');
    const ofGateway = await gateways.issue('gateway');
    own = await clients.issue('edge-1');
    stolen = await clients.issue('edge-2');
    config = join(folder, 'server.yaml');
    await writeFile(config, '');
    way = await startTheWay(stage, engines, { config });
    const tls = { ...ofGateway, clientCaFile: clients.caFile };
    mutual = await way.anotherGateway(undefined, { tls });
    overHttp = await way.anotherGateway(undefined, { tls, overHttp: true });
    piped = await way.admin.enroll('shop', 'edge-1');
    bound = await passFor(piped.keyFile, { certificateThumbprint: await thumbprintOf(own) });
  });
  afterAll(() => stage.dispose());

  async function thumbprintOf({ certFile }: CertificateFiles): Promise<string> {
    return Buffer.from(await derHash(certFile), 'hex').toString('base64url');
  }

  const derHash = async (file: string) =>
    new X509Certificate(await readFile(file)).fingerprint256.replaceAll(':', '').toLowerCase();

  /** What a proxy would write that had seen the right certificate. */
  async function forgedHeader(): Promise<readonly [string, string]> {
    const pem = encodeURIComponent(await readFile(own.certFile, 'utf8'));
    return ['x-forwarded-client-cert', `Hash=${await derHash(own.certFile)};Cert="${pem}"`];
  }

  async function send(
    name: string,
    pass: string,
    certificate: CertificateFiles,
    { gateway = mutual, says = [] as (readonly [string, string])[] } = {},
  ): Promise<number> {
    const [ca, key, cert] = await Promise.all(
      [gateways.caFile, certificate.keyFile, certificate.certFile].map(file => readFile(file)),
    );
    const client = new Client(`localhost:${gateway.grpcPort}`, credentials.createSsl(ca, key, cert));
    const metadata = new Metadata();
    for (const [header, value] of [bearer(pass), ...says]) metadata.set(header, value);
    const asItIs = (bytes: Buffer) => bytes;
    const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
    const deadline = Date.now() + 10_000;
    return new Promise(resolve =>
      client.makeUnaryRequest(path, asItIs, asItIs, Buffer.from(tracesRequest(name)), metadata, { deadline }, error => {
        client.close();
        resolve(error?.code ?? status.OK);
      }),
    );
  }

  it('opens with that certificate, the first time and from memory', async () => {
    expect(await send('with its certificate', bound, own)).toBe(status.OK);
    expect(await send('again', bound, own)).toBe(status.OK);
    await way.sink.span('with its certificate');
  });

  it('does not with another one of the same authority', async () => {
    expect(await send('refused', bound, stolen)).toBe(status.UNAUTHENTICATED);
    await mutual.logged({ reason: 'certificate_mismatch' });
  });

  it('a pass that is bound to none passes with any', async () => {
    expect(await send('bound to none', await passFor(piped.keyFile), stolen)).toBe(status.OK);
    await way.sink.span('bound to none');
  });

  it('does not without any, whatever the client says of certificates', async () => {
    // Even where the auth server believes everybody on this machine, it is the gateway that keeps forged ones away.
    await writeFile(config, 'trustedHops: ["127.0.0.1"]\n');
    await way.authServer.stop();
    await way.restartAuthServer();
    await waitFor('the gateway to find it', async () => {
      const pass = bearer(await passFor(piped.keyFile));
      return (await exportOverGrpc(way.gateway.grpcPort, tracesRequest('found'), [pass])).code === status.OK;
    });
    const forged = await forgedHeader();
    for (const headers of [[bearer(bound)], [bearer(bound), forged]]) {
      const outcome = await exportOverGrpc(way.gateway.grpcPort, tracesRequest('refused'), headers);
      expect(outcome).toMatchObject({ code: status.UNAUTHENTICATED });
    }
    await way.gateway.logged({ reason: 'certificate_mismatch' });
    expect(way.sink.spans().map(({ name }) => name)).not.toContain('refused');
  });

  it('is bound the same where the gateway asks over HTTP and says in a header what it saw', async () => {
    const gateway = overHttp;
    expect(await send('seen over HTTP', bound, own, { gateway })).toBe(status.OK);
    await way.sink.span('seen over HTTP');
    expect(await send('refused', bound, stolen, { gateway })).toBe(status.UNAUTHENTICATED);
    expect(await send('refused', bound, stolen, { gateway, says: [await forgedHeader()] })).toBe(
      status.UNAUTHENTICATED,
    );
    expect(way.sink.spans().map(({ name }) => name)).not.toContain('refused');
  });
});
