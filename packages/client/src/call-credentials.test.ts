import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createClient } from './client.ts';
import type { CredentialSource } from './contract.ts';
import { CLIENT_ERRORS, ClientError, type ClientErrorCode } from './errors.ts';
import { createCertificate } from './testing/certificates.ts';
import { createPiped, expectNoSecret, secretsOf } from './testing/fixture.ts';
import { type OtlpServer, startOtlpServer } from './testing/otlp-grpc-server.ts';
import { unaryCall } from './testing/unary-call.ts';

function sourceOf(credential: CredentialSource['credential']): CredentialSource {
  return {
    credential,
    invalidate() {},
    state: () => ({ kind: 'loading' }),
    [Symbol.asyncDispose]: async () => {},
  };
}

async function failureOf(source: CredentialSource, timeoutMs?: number): Promise<ServiceError> {
  const server = await startOtlpServer();
  const pass = createClient({ source, timeoutMs });
  const client = new Client(`127.0.0.1:${server.port}`, pass.channelCredentials({ kind: 'plaintext' }));
  onTestFinished(() => client.close());
  const error = await unaryCall(client);
  expect(server.received).toEqual([]);
  return error ?? expect.fail('succeeded');
}

describe('what a call fails with when there is no credential', () => {
  const codes = Object.keys(CLIENT_ERRORS) as ClientErrorCode[];
  it.each(codes)('%s', async code => {
    const error = await failureOf(sourceOf(() => Promise.reject(new ClientError(code, 'this went wrong'))));
    expect(error).toMatchObject({
      code: CLIENT_ERRORS[code],
      details: `Getting metadata from plugin failed with error: this went wrong (${code})`,
    });
    expect([status.UNAVAILABLE, status.UNAUTHENTICATED, status.PERMISSION_DENIED]).toContain(error.code);
  });

  it('tells nothing of what a foreign source throws', async () => {
    const secret = 'client_secret=abcdefghijklmnop';
    for (const thrown of [new Error(secret), secret, undefined, Object.assign(new Error(secret), { code: 5 })]) {
      const error = await failureOf(sourceOf(() => Promise.reject(thrown)));
      expect(error.code).toBe(status.UNAVAILABLE);
      expect(error.details).toMatch(/the credential source failed \(source_failed\)$/);
      expectNoSecret(error, [secret]);
    }
  });

  it('gives up on a source that never answers, without a deadline on the call', async () => {
    const error = await failureOf(
      sourceOf(() => new Promise(() => {})),
      10,
    );
    expect(error).toMatchObject({ code: status.UNAVAILABLE, details: expect.stringMatching(/within 10 ms/) });
  });

  it('fails with UNAVAILABLE once the client was closed', async () => {
    const piped = await createPiped();
    const pass = createClient({ keyFile: piped.keyFile });
    await pass.start();
    await pass[Symbol.asyncDispose]();
    const error = await failureOf(pass.source);
    expect(error).toMatchObject({ code: status.UNAVAILABLE, details: expect.stringMatching(/\(source_closed\)$/) });
    expectNoSecret(error, secretsOf(piped));
  });
});

describe('callCredentials', () => {
  async function tlsServer(): Promise<{ server: OtlpServer; channel: ReturnType<typeof credentials.createSsl> }> {
    const certificate = await createCertificate('DNS:localhost');
    const server = await startOtlpServer({ certificate });
    return { server, channel: credentials.createSsl(certificate.cert) };
  }

  it('combines with TLS, and with call credentials of others', async () => {
    const { keyFile } = await createPiped();
    const { server, channel } = await tlsServer();
    const other = credentials.createFromMetadataGenerator((_, callback) => callback(null, new Metadata()));
    const own = createClient({ keyFile }).callCredentials();
    const client = new Client(`localhost:${server.port}`, credentials.combineChannelCredentials(channel, own, other));
    onTestFinished(() => client.close());
    expect(await unaryCall(client)).toBeUndefined();
    expect(server.received[0]?.authorization).toEqual([expect.stringMatching(/^Bearer /)]);
  });

  it('does not combine with an insecure channel', () => {
    const own = createClient({ keyFile: 'key.json' }).callCredentials();
    expect(() => credentials.combineChannelCredentials(credentials.createInsecure(), own)).toThrow('Cannot compose');
  });

  it('keeps what an application adds to plaintext credentials by way of a call', async () => {
    const { keyFile } = await createPiped();
    const server = await startOtlpServer();
    const client = new Client(
      `127.0.0.1:${server.port}`,
      createClient({ keyFile }).channelCredentials({ kind: 'plaintext' }),
    );
    onTestFinished(() => client.close());
    let asked = 0;
    const extra = credentials.createFromMetadataGenerator((_, callback) => {
      asked++;
      callback(null, new Metadata());
    });
    expect(await unaryCall(client, { credentials: extra })).toBeUndefined();
    expect(asked).toBe(1);
    expect(server.received[0]?.authorization).toHaveLength(1);
  });
});
