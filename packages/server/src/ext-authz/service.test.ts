import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { pipedJwt } from '../authenticators/piped-jwt.ts';
import type { Server } from '../contract.ts';
import { createServer } from '../create-server.ts';
import { createPiped, deferred, memoryKeys, now, type TestPiped } from '../fixture.test.support.ts';
import { CheckResponse } from '../generated/ext_authz.ts';
import type { Decision } from '../observer.ts';
import { alwaysAllow, alwaysRefuse, SOMEBODY } from '../testing/doubles.ts';
import { captured, encodeCheckRequest, rawHeader } from './check-request.test.support.ts';
import { type RawClient, serveExtAuthz } from './raw-client.test.support.ts';

let piped: TestPiped;
let token: string;
let client: RawClient;
const decisions: Decision[] = [];

beforeAll(async () => {
  piped = await createPiped();
  token = await piped.sign();
  const keys = memoryKeys(new Map([[piped.kid, piped.record]]));
  const server = createServer({ authenticators: [pipedJwt({ keys, now })], now });
  client = await serveExtAuthz(server, { decided: decision => decisions.push(decision) });
});
afterEach(() => {
  decisions.length = 0;
});
afterAll(() => client[Symbol.asyncDispose]());

/** The reason that the gateway is told; `allowed` only for what Envoy lets through with an identity. */
async function reasonOf(bytes: Buffer, of: RawClient = client): Promise<string> {
  const answer = await of.check(bytes);
  if (typeof answer === 'number') return `status ${answer}`;
  expect(answer.length).toBeGreaterThan(0);
  const { status, okResponse, deniedResponse, dynamicMetadata } = CheckResponse.decode(answer);
  if (status?.code === 0) {
    expect(deniedResponse).toBeUndefined();
    expect(okResponse?.headers.map(({ header }) => header?.key)).toEqual(['x-spanpass-project', 'x-spanpass-piped']);
    return 'allowed';
  }
  expect(okResponse).toBeUndefined();
  expect([401, 403, 503]).toContain(deniedResponse?.status?.code);
  return dynamicMetadata?.fields.reason?.stringValue ?? '';
}

const bearer = (authorization: string, more: Record<string, string> = {}) =>
  encodeCheckRequest({ headers: { authorization, 'content-type': 'application/grpc', ...more } });

describe('ext_authz over gRPC', () => {
  it('lets a good credential through, at first and from memory', async () => {
    for (let time = 0; time < 3; time++) expect(await reasonOf(bearer(`Bearer ${token}`))).toBe('allowed');
    const allowed = { protocol: 'ext_authz_grpc', authenticator: 'piped-jwt', owner: { piped: 'edge-1' } };
    expect(decisions).toMatchObject([allowed, allowed, allowed]);
    for (const { durationSeconds } of decisions) expect(durationSeconds).toBeGreaterThan(0);
  });

  it('answers a real Envoy that shows a made-up credential', async () => {
    expect(await reasonOf(captured)).toBe('header_malformed');
  });

  it.each([
    ['no credential', () => encodeCheckRequest({}), 'credential_missing'],
    ['an empty one', () => bearer(''), 'credential_missing'],
    ['one of another kind', () => bearer('Basic YTpi'), 'credential_missing'],
    ['two, joined', () => bearer(`Bearer ${token},Bearer ${token}`), 'credential_multiple'],
    ['two, joined without a scheme', () => bearer(`Bearer ${token},${token}`), 'credential_multiple'],
    [
      'two, apart',
      () =>
        encodeCheckRequest({
          rawHeaders: [rawHeader('authorization', `Bearer ${token}`), rawHeader('authorization', `Bearer ${token}`)],
        }),
      'credential_multiple',
    ],
    ['one joined and one apart', () => twice(), 'credential_multiple'],
    ['bytes that are no UTF-8', () => invalidUtf8(), 'credential_malformed'],
    ['a credential with a newline behind it', () => bearer(`Bearer ${token}\n`), 'credential_malformed'],
    ['a credential that is too large', () => bearer(`Bearer ${'a'.repeat(9000)}`), 'credential_too_large'],
    ['too large headers', () => bearer(`Bearer ${token}`, { large: 'a'.repeat(70_000) }), 'request_too_large'],
    [
      'an unknown path',
      () => encodeCheckRequest({ headers: { authorization: `Bearer ${token}` }, path: '/' }),
      'path_unknown',
    ],
    [
      'a signal out of scope',
      () => encodeCheckRequest({ headers: { authorization: `Bearer ${token}` }, path: '/v1/logs' }),
      'scope_denied',
    ],
    ['nothing at all', () => Buffer.alloc(0), 'request_malformed'],
    ['garbage', () => Buffer.from('garbage'), 'request_malformed'],
    ['a truncated request', () => bearer(`Bearer ${token}`).subarray(0, -40), 'request_malformed'],
  ])('refuses %s', async (_, bytes, reason) => {
    expect(await reasonOf(bytes())).toBe(reason);
    expect(decisions.map(({ refused }) => refused?.code)).toEqual([reason]);
  });

  function twice(): Buffer {
    const headers = { authorization: `Bearer ${token}` };
    return encodeCheckRequest({ headers, rawHeaders: [rawHeader('authorization', `Bearer ${token}`)] });
  }

  function invalidUtf8(): Buffer {
    const bytes = bearer(`Bearer ${token}`);
    bytes[bytes.indexOf(token) + 10] = 0xff;
    return bytes;
  }

  it('reads a request with raw headers', async () => {
    expect(await reasonOf(encodeCheckRequest({ rawHeaders: [rawHeader('authorization', `Bearer ${token}`)] }))).toBe(
      'allowed',
    );
  });

  it('ends the call, not the server, for what is beyond any bound of a message', async () => {
    expect(await reasonOf(Buffer.alloc(10_000_000, 1))).toBe('status 8');
    expect((await client.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]))).status).toBe('8');
    expect(await reasonOf(bearer(`Bearer ${token}`))).toBe('allowed');
  });

  it('ends the call, not the server, for broken framing', async () => {
    const empty = Buffer.alloc(0);
    const cutHeader = Buffer.from([0, 0, 0]);
    const cutMessage = Buffer.from([0, 0, 0, 0, 9, 1]);
    for (const bytes of [empty, cutHeader, cutMessage]) {
      expect(await client.write(bytes)).toEqual({ status: '12', answer: empty });
    }
    // Said to be compressed, by no known way: taken as it is, which is nothing.
    const { status, answer } = await client.write(Buffer.from([1, 0, 0, 0, 2, 1, 2]));
    expect([status, CheckResponse.decode(answer).status?.code]).toEqual(['0', 16]);
    expect(await reasonOf(bearer(`Bearer ${token}`))).toBe('allowed');
  });

  it('tells callers of HTTP and of gRPC apart by their content type', async () => {
    await using overloaded = await serveExtAuthz(alwaysRefuse('overloaded'));
    const headersFor = async (headers: Record<string, string>) => {
      const answer = await overloaded.check(encodeCheckRequest({ headers }));
      const { deniedResponse } = CheckResponse.decode(typeof answer === 'number' ? Buffer.alloc(0) : answer);
      return deniedResponse?.headers.map(({ header }) => header?.key);
    };
    expect(await headersFor({ 'content-type': 'application/x-protobuf' })).toEqual(['retry-after']);
    const forGrpc = ['retry-after', 'grpc-retry-pushback-ms', 'grpc-status-details-bin'];
    expect(await headersFor({ 'content-type': 'application/grpc+proto' })).toEqual(forGrpc);
    expect(await headersFor({})).toEqual(forGrpc);
  });

  it.each<[string, Server]>([
    [
      'throws what is no refusal',
      {
        authenticate: () => {
          throw new Error('a bug');
        },
      },
    ],
    ['rejects with what is no refusal', { authenticate: () => Promise.reject('a bug') }],
    ['names nobody', { authenticate: () => Promise.resolve(undefined as never) }],
  ])('leaves it undecided when a server %s', async (_, server) => {
    await using broken = await serveExtAuthz(server);
    expect(await reasonOf(bearer(`Bearer ${token}`), broken)).toBe('internal_error');
  });

  it('waits for a server that has to find out', async () => {
    const gate = deferred<typeof SOMEBODY>();
    await using slow = await serveExtAuthz({ authenticate: () => gate.promise });
    const reason = reasonOf(bearer('Bearer a'), slow);
    gate.resolve(SOMEBODY);
    expect(await reason).toBe('allowed');
  });

  it('serves many at the same time', async () => {
    await using open = await serveExtAuthz(alwaysAllow());
    const reasons = await Promise.all(Array.from({ length: 200 }, () => reasonOf(bearer('Bearer a'), open)));
    expect(new Set(reasons)).toEqual(new Set(['allowed']));
  });
});
