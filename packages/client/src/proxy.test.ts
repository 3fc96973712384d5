import { status } from '@grpc/grpc-js';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createClient } from './client.ts';
import type { Transport } from './contract.ts';
import { createCertificate } from './testing/certificates.ts';
import { startConnectProxy } from './testing/connect-proxy.ts';
import { exportSpan } from './testing/export-span.ts';
import { createPiped } from './testing/fixture.ts';
import { startOtlpServer } from './testing/otlp-grpc-server.ts';

beforeEach(() => {
  for (const name of ['grpc_proxy', 'https_proxy', 'http_proxy', 'no_grpc_proxy', 'no_proxy']) vi.stubEnv(name, '');
});

afterEach(() => {
  vi.unstubAllEnvs();
});

async function exportBy(url: string, transport: Transport) {
  const { keyFile } = await createPiped();
  const exporter = new OTLPTraceExporter({
    url,
    timeoutMillis: 2_000,
    credentials: createClient({ keyFile }).channelCredentials(transport),
  });
  onTestFinished(() => exporter.shutdown());
  return exportSpan(exporter);
}

describe.each(['grpc_proxy', 'https_proxy', 'http_proxy'])('with %s in the environment', variable => {
  it('reaches a server of this machine by way of a proxy of this machine', async () => {
    const server = await startOtlpServer();
    const proxy = await startConnectProxy(server.port);
    vi.stubEnv(variable, `http://127.0.0.1:${proxy.port}`);
    expect(await exportBy(`http://127.0.0.1:${server.port}`, { kind: 'plaintext' })).toEqual({ code: 0 });
    expect(proxy.connected).toEqual([`127.0.0.1:${server.port}`]);
    expect(server.received[0]?.authorization).toEqual([expect.stringMatching(/^Bearer /)]);
  });

  it('judges the server behind the proxy, and tells the proxy nothing', async () => {
    const server = await startOtlpServer();
    const proxy = await startConnectProxy(server.port);
    vi.stubEnv(variable, `http://127.0.0.1:${proxy.port}`);
    const { error } = await exportBy('http://collector.example.com:4317', { kind: 'plaintext' });
    expect(error).toMatchObject({
      code: status.UNAVAILABLE,
      message: expect.stringMatching(
        /no secret is sent to dns:collector\.example\.com:4317 by way of the proxy 127\.0\.0\.1:\d+ over plaintext/,
      ),
    });
    expect(proxy).toMatchObject({ connected: [], sent: '' });
    expect(server.received).toEqual([]);
  });
});

describe('by way of a proxy', () => {
  it('judges the proxy too, which would read along', async () => {
    vi.stubEnv('grpc_proxy', 'http://192.0.2.1:3128');
    const { error } = await exportBy('http://localhost:4317', { kind: 'plaintext' });
    expect(error?.message).toMatch(/no secret is sent to dns:localhost:4317 by way of the proxy 192\.0\.2\.1:3128/);
  });

  it('goes anywhere when the configuration allows plaintext', async () => {
    const server = await startOtlpServer();
    const proxy = await startConnectProxy(server.port);
    vi.stubEnv('grpc_proxy', `http://127.0.0.1:${proxy.port}`);
    const transport = { kind: 'plaintext', allowPlaintext: true } as const;
    expect(await exportBy('http://collector.example.com:4317', transport)).toEqual({ code: 0 });
    expect(proxy.connected).toEqual(['collector.example.com:4317']);
    expect(proxy.sent).toContain('PRI * HTTP/2.0');
  });

  it('goes anywhere over TLS, of which the proxy reads nothing', async () => {
    const certificate = await createCertificate('DNS:collector.example.com');
    const server = await startOtlpServer({ certificate });
    const proxy = await startConnectProxy(server.port);
    vi.stubEnv('https_proxy', `http://127.0.0.1:${proxy.port}`);
    const transport = { kind: 'tls', rootCerts: certificate.cert } as const;
    expect(await exportBy('https://collector.example.com:4317', transport)).toEqual({ code: 0 });
    expect(proxy.connected).toEqual(['collector.example.com:4317']);
    expect(proxy.sent).not.toMatch(/PRI \* HTTP|Bearer/);
    expect(server.received[0]?.authorization).toEqual([expect.stringMatching(/^Bearer /)]);
  });
});
