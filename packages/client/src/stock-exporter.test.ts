import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Client, createClient } from './client.ts';
import type { Transport } from './contract.ts';
import { staticSource } from './static-source.ts';
import { createCertificate } from './testing/certificates.ts';
import { exportSpan } from './testing/export-span.ts';
import { createClock, createPiped, temporaryDirectory, verifyAuthorization } from './testing/fixture.ts';
import { type OtlpServer, startOtlpServer } from './testing/otlp-grpc-server.ts';

/** The stock exporter, given nothing of ours but its `credentials` option. */
function createExporter(pass: Client, url: string, transport?: Transport): OTLPTraceExporter {
  const credentials = transport ? pass.channelCredentials(transport) : pass.credentialsFor(url);
  const exporter = new OTLPTraceExporter({ url, credentials });
  onTestFinished(() => exporter.shutdown());
  return exporter;
}

function authorizations(server: OtlpServer): unknown[] {
  return server.received.flatMap(({ authorization }) => authorization);
}

describe('the stock OTLP/gRPC exporter, by its `credentials` option alone', () => {
  it.each(['plaintext', 'tls'] as const)('exports with a fresh credential on each life over %s', async kind => {
    const { keyFile, record } = await createPiped();
    const clock = createClock();
    const certificate = kind === 'tls' ? await createCertificate('DNS:localhost') : undefined;
    const server = await startOtlpServer(certificate && { certificate });
    const pass = createClient({ keyFile, now: clock.now });
    const transport: Transport = kind === 'tls' ? { kind, rootCerts: certificate?.cert } : { kind };
    const exporter = createExporter(pass, `${kind === 'tls' ? 'https' : 'http'}://localhost:${server.port}`, transport);

    expect(await exportSpan(exporter)).toEqual({ code: 0 });
    clock.ms += 1_000;
    expect(await exportSpan(exporter)).toEqual({ code: 0 });
    const [first, second] = authorizations(server);
    expect(second).toBe(first);
    await verifyAuthorization(first, record, clock.now);

    // The life of the first one, and the minute that servers grant to clocks, have ended.
    clock.ms += 361_000;
    expect(await exportSpan(exporter)).toEqual({ code: 0 });
    const third = authorizations(server)[2];
    await expect(verifyAuthorization(first, record, clock.now)).rejects.toThrow('expired');
    await verifyAuthorization(third, record, clock.now);
    expect(server.received.every(({ authorization }) => authorization.length === 1)).toBe(true);
  });

  it('exports over a unix socket', async () => {
    const { keyFile } = await createPiped();
    const url = `unix://${join(await temporaryDirectory(), 'otlp.sock')}`;
    const server = await startOtlpServer({ address: url });
    const exporter = createExporter(createClient({ keyFile }), url);
    expect(await exportSpan(exporter)).toEqual({ code: 0 });
    expect(authorizations(server)).toEqual([expect.stringMatching(/^Bearer /)]);
  });

  it('sends no credential to a server whose certificate does not verify', async () => {
    const { keyFile } = await createPiped();
    const server = await startOtlpServer({ certificate: await createCertificate('DNS:localhost') });
    const exporter = createExporter(createClient({ keyFile }), `https://localhost:${server.port}`);
    const { error } = await exportSpan(exporter);
    expect(error).toMatchObject({
      code: status.UNAVAILABLE,
      message: expect.stringMatching(/self.signed certificate/),
    });
    expect(server.received).toEqual([]);
  });

  it('works with any other source, with no change elsewhere', async () => {
    const server = await startOtlpServer();
    const pass = createClient({ source: staticSource('shop,edge-1,not-a-jwt') });
    const exporter = createExporter(pass, `http://127.0.0.1:${server.port}`);
    expect(await exportSpan(exporter)).toEqual({ code: 0 });
    expect(authorizations(server)).toEqual(['Bearer shop,edge-1,not-a-jwt']);
  });

  it('fails with UNAVAILABLE and the reason when it has no key, and works as soon as it has one', async () => {
    const { keyFile } = await createPiped();
    const directory = await temporaryDirectory();
    const server = await startOtlpServer();
    const pass = createClient({ keyFile: join(directory, 'key.json') });
    const exporter = createExporter(pass, `http://127.0.0.1:${server.port}`);
    const { error } = await exportSpan(exporter);
    expect(error).toMatchObject({
      code: status.UNAVAILABLE,
      message: expect.stringMatching(/key\.json does not exist: enroll first, .* \(key_file_missing\)$/),
    });
    expect(server.received).toEqual([]);
    await copyFile(keyFile, join(directory, 'key.json'));
    expect(await exportSpan(exporter)).toEqual({ code: 0 });
  });
});

describe('plaintext beyond loopback', () => {
  // An address of RFC 5737 that leads nowhere: what is refused there was never sent.
  const url = 'http://192.0.2.1:4317';

  it('is refused when the credentials are made for such a URL', async () => {
    const pass = createClient({ keyFile: 'key.json' });
    expect(() => pass.credentialsFor(url)).toThrow(expect.objectContaining({ code: 'plaintext_refused' }));
    expect(() => pass.credentialsFor('grpc://127.0.0.1')).toThrow(TypeError);
    expect(() => pass.credentialsFor('')).toThrow(TypeError);
    expect(pass.credentialsFor('192.0.2.1:4317')._isSecure()).toBe(true);
    expect(pass.credentialsFor('HTTPS://192.0.2.1:4317')._isSecure()).toBe(true);
    expect(pass.credentialsFor('http://localhost:4317')._isSecure()).toBe(false);
    const allowed = createClient({ keyFile: 'key.json', allowPlaintext: true });
    expect(allowed.credentialsFor(url)._isSecure()).toBe(false);
  });

  it('is refused at the first export when they were made for no URL, without a connection', async () => {
    const { keyFile } = await createPiped();
    const exporter = createExporter(createClient({ keyFile }), url, { kind: 'plaintext' });
    const { error } = await exportSpan(exporter);
    expect(error).toMatchObject({
      code: status.UNAVAILABLE,
      message: expect.stringMatching(/no secret is sent to 192\.0\.2\.1:4317 over plaintext, .*: use TLS/),
    });
  });
});

describe('two pipeds in one process', () => {
  it.each(['plaintext', 'tls'] as const)('never share a connection or a credential over %s', async kind => {
    const pipeds = [await createPiped('edge-1'), await createPiped('edge-2')];
    const certificate = await createCertificate('DNS:localhost');
    const server = await startOtlpServer(kind === 'tls' ? { certificate } : {});
    const { now } = createClock();
    const transport: Transport = kind === 'tls' ? { kind, rootCerts: certificate.cert } : { kind };
    const url = `${kind === 'tls' ? 'https' : 'http'}://localhost:${server.port}`;
    const exporters = pipeds.map(({ keyFile }) => createExporter(createClient({ keyFile, now }), url, transport));

    const peers: Set<string>[] = [new Set(), new Set()];
    for (const turn of [0, 1, 0, 1]) {
      const piped = pipeds[turn];
      const exporter = exporters[turn];
      if (!piped || !exporter) throw new Error('no such piped');
      expect(await exportSpan(exporter)).toEqual({ code: 0 });
      const last = server.received.at(-1);
      await verifyAuthorization(last?.authorization[0], piped.record, now);
      peers[turn]?.add(last?.peer ?? '');
    }
    const [first, second] = peers;
    expect([first?.size, second?.size]).toEqual([1, 1]);
    expect(first).not.toEqual(second);
  });

  it.each([{ kind: 'plaintext' }, { kind: 'tls' }] as const)('$kind credentials equal themselves only', transport => {
    const pass = createClient({ keyFile: 'key.json' });
    const [one, other] = [pass.channelCredentials(transport), pass.channelCredentials(transport)];
    expect([one._equals(one), other._equals(other)]).toEqual([true, true]);
    expect([one._equals(other), other._equals(one)]).toEqual([false, false]);
  });
});
