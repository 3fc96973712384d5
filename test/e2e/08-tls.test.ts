import { readFile } from 'node:fs/promises';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { createClient, staticSource } from '@spanpass/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { okResponse } from '../harness/check-response.ts';
import { startCollector } from '../harness/collector.ts';
import { type GatewayOptions, type RunningEnvoy, startEnvoy } from '../harness/envoy.ts';
import { exportSpan } from '../harness/export.ts';
import { type RawAuthServer, startRawAuthServer } from '../harness/raw-auth-server.ts';
import { type Sink, startSink } from '../harness/sink.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { type CertificateFiles, selfSigned } from '../harness/tls.ts';

const token = 'gateway-token-of-this-suite';

await describeWithEngine(['envoy', 'otelcol'], 'a pass travels over TLS', ({ envoy, otelcol }) => {
  const stage = new Stage();
  let sink: Sink;
  let auth: RawAuthServer;
  let ofGateway: CertificateFiles;
  let ofPiped: CertificateFiles;
  let open: RunningEnvoy;
  let mutual: RunningEnvoy;

  beforeAll(async () => {
    sink = await startSink(stage);
    const exportTo = [{ protocol: 'http', endpoint: sink.url, encoding: 'json' } as const];
    const collector = await startCollector(stage, otelcol, { exportTo }, token);
    auth = await startRawAuthServer(stage, okResponse({ 'x-spanpass-project': 'shop', 'x-spanpass-piped': 'piped-1' }));
    ofGateway = await selfSigned(await tempDir(stage, 'gateway-certificate'));
    ofPiped = await selfSigned(await tempDir(stage, 'piped-certificate'));
    const options: GatewayOptions = {
      auth: { mode: 'grpc', endpoints: [auth.endpoint] },
      upstream: { grpc: [collector.grpcEndpoint], http: [collector.httpEndpoint] },
    };
    open = await startEnvoy(stage, envoy, { ...options, tls: ofGateway }, token);
    mutual = await startEnvoy(
      stage,
      envoy,
      { ...options, tls: { ...ofGateway, clientCaFile: ofPiped.certFile } },
      token,
    );
  });
  afterAll(() => stage.dispose());

  async function send(name: string, gateway: RunningEnvoy, certificate?: CertificateFiles) {
    const client = createClient({ source: staticSource('a-pass') });
    const url = `https://localhost:${gateway.grpcPort}`;
    const credentials = client.credentialsFor(url, {
      rootCerts: await readFile(ofGateway.certFile),
      ...(certificate && {
        certChain: await readFile(certificate.certFile),
        privateKey: await readFile(certificate.keyFile),
      }),
    });
    const exporter = new OTLPTraceExporter({ url, credentials, timeoutMillis: 5_000 });
    const outcome = await exportSpan(exporter, name);
    await exporter.shutdown();
    await client[Symbol.asyncDispose]();
    return outcome;
  }

  it('to a gateway with a certificate', async () => {
    expect(await send('over TLS', open)).toBe('accepted');
    await sink.span('over TLS');
    expect(auth.requests.at(-1)?.toString('latin1')).toContain('Bearer a-pass');
  });

  it('and clear text goes nowhere there', async () => {
    const exporter = new OTLPTraceExporter({ url: `http://127.0.0.1:${open.grpcPort}`, timeoutMillis: 2_000 });
    expect(await exportSpan(exporter, 'in clear text')).not.toBe('accepted');
    await exporter.shutdown();
  });

  it('to one that wants a certificate of the piped, which the auth server gets to see', async () => {
    expect(await send('mutual', mutual, ofPiped)).toBe('accepted');
    await sink.span('mutual');
    expect(decodeURIComponent(auth.requests.at(-1)?.toString('latin1') ?? '')).toContain('-----BEGIN CERTIFICATE-----');
  });

  it('and not without it, nor with another', async () => {
    const asked = auth.requests.length;
    expect(await send('without a certificate', mutual)).not.toBe('accepted');
    expect(await send('with another certificate', mutual, ofGateway)).not.toBe('accepted');
    expect(auth.requests).toHaveLength(asked);
  });
});
