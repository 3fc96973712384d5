import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EMBEDDED } from '../testing/databases.test.support.ts';
import { type CallOptions, newPair, prove, startTestPlane, type TestPlane } from '../testing/plane.test.support.ts';

const PIPEDS = '/v1/projects/shop/pipeds';
const KEYS = `${PIPEDS}/edge-1/keys`;

/** Method, path, what is sent, status, code, and what the detail names. */
type Case = [
  title: string,
  method: string,
  path: string,
  options: CallOptions,
  status: number,
  code: string,
  detail: RegExp,
];

const CASES: Case[] = [
  ['an unknown path', 'GET', '/v2/pipeds', {}, 404, 'not_found', /path or method/],
  ['an unknown method', 'DELETE', '/v1/pipeds', {}, 404, 'not_found', /path or method/],
  ['a path that is no URL', 'GET', '/v1/keys/%zz', {}, 400, 'malformed_request', /path/],
  ['a path with a part that is too long', 'GET', `/v1/keys/${'a'.repeat(5000)}`, {}, 414, 'uri_too_long', /too long/],
  ['half a body', 'POST', PIPEDS, { raw: '{"piped":' }, 400, 'malformed_json', /not valid JSON/],
  ['no body', 'POST', PIPEDS, { raw: '' }, 400, 'malformed_json', /empty/],
  ['a body that is not UTF-8', 'POST', PIPEDS, { raw: Buffer.from([0x7b, 0xff, 0x7d]) }, 400, 'malformed_json', /JSON/],
  ['a body with a prototype', 'POST', PIPEDS, { raw: '{"__proto__":{"piped":"x"}}' }, 400, 'malformed_json', /JSON/],
  ['a body that is too large', 'POST', PIPEDS, { raw: `"${'x'.repeat(16_384)}"` }, 413, 'payload_too_large', /16 KiB/],
  [
    'a body of another type',
    'POST',
    PIPEDS,
    { raw: 'piped=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    415,
    'unsupported_media_type',
    /application\/json/,
  ],
  [
    'text',
    'POST',
    PIPEDS,
    { raw: 'x', headers: { 'content-type': 'text/plain' } },
    415,
    'unsupported_media_type',
    /json/,
  ],
  ['a list', 'POST', PIPEDS, { body: [] }, 400, 'invalid_request', /^body: /],
  ['null', 'POST', PIPEDS, { body: null }, 400, 'invalid_request', /^body: /],
  ['no piped', 'POST', PIPEDS, { body: {} }, 400, 'invalid_request', /^piped: /],
  ['an empty piped', 'POST', PIPEDS, { body: { piped: '' } }, 400, 'invalid_request', /^piped: must be 1 to 64/],
  ['a piped that is too long', 'POST', PIPEDS, { body: { piped: 'x'.repeat(65) } }, 400, 'invalid_request', /^piped: /],
  ['a piped with a slash', 'POST', PIPEDS, { body: { piped: 'a/b' } }, 400, 'invalid_request', /^piped: /],
  ['a piped of dots', 'POST', PIPEDS, { body: { piped: '..' } }, 400, 'invalid_request', /^piped: /],
  ['a piped with a newline', 'POST', PIPEDS, { body: { piped: 'a\n' } }, 400, 'invalid_request', /^piped: /],
  ['a piped that is a number', 'POST', PIPEDS, { body: { piped: 1 } }, 400, 'invalid_request', /^piped: /],
  [
    'a member too many',
    'POST',
    PIPEDS,
    { body: { piped: 'x', '\u001b[2J': 1 } },
    400,
    'invalid_request',
    /member \?\[2J is/,
  ],
  [
    'an unknown scope',
    'POST',
    PIPEDS,
    { body: { piped: 'x', scopes: ['all'] } },
    400,
    'invalid_request',
    /^scopes\.0: /,
  ],
  ['no scope', 'POST', PIPEDS, { body: { piped: 'x', scopes: [] } }, 400, 'invalid_request', /^scopes: /],
  [
    'a project that is none',
    'POST',
    '/v1/projects/a%2fb/pipeds',
    { body: { piped: 'x' } },
    400,
    'invalid_request',
    /^project: /,
  ],
  ['a limit of none', 'GET', '/v1/pipeds?limit=0', {}, 400, 'invalid_request', /^limit: must be from 1 to 1000/],
  ['a limit that is too large', 'GET', '/v1/pipeds?limit=1001', {}, 400, 'invalid_request', /^limit: /],
  [
    'a limit that is not a number',
    'GET',
    '/v1/pipeds?limit=1e2',
    {},
    400,
    'invalid_request',
    /^limit: must be a whole/,
  ],
  ['an unknown parameter', 'GET', '/v1/pipeds?projects=x', {}, 400, 'invalid_request', /projects is not known/],
  ['the same parameter twice', 'GET', '/v1/pipeds?project=a&project=b', {}, 400, 'invalid_request', /^project: /],
  ['a page that is none', 'GET', '/v1/pipeds?after=x', {}, 400, 'invalid_request', /^after: /],
  ['a kid that is none', 'GET', '/v1/keys/abc', {}, 400, 'invalid_request', /^kid: must be an RFC 7638/],
  ['a negative revision', 'GET', '/v1/changes?since=-1', {}, 400, 'invalid_request', /^since: /],
  [
    'a revision beyond all numbers',
    'GET',
    '/v1/changes?since=9999999999999999',
    {},
    400,
    'invalid_request',
    /^since: /,
  ],
  [
    'a Last-Event-ID that is none',
    'GET',
    '/v1/changes',
    { headers: { 'last-event-id': 'x' } },
    400,
    'invalid_request',
    /last-event-id/,
  ],
  ['a key from nowhere', 'POST', KEYS, { body: {} }, 400, 'invalid_request', /^publicJwk: is required/],
  ['generate that is not true', 'POST', KEYS, { body: { generate: false } }, 400, 'invalid_request', /^generate: /],
  [
    'a key from two sides',
    'POST',
    KEYS,
    { body: { generate: true, proof: 'x' } },
    400,
    'invalid_request',
    /^proof: excludes/,
  ],
  ['an unknown algorithm', 'POST', KEYS, { body: { generate: true, alg: 'none' } }, 400, 'invalid_request', /^alg: /],
  [
    'no token to enroll with',
    'POST',
    '/v1/enroll',
    { body: {}, token: null },
    400,
    'invalid_request',
    /^enrollmentToken: /,
  ],
];

describe.each([EMBEDDED])('bad input', database => {
  let test: TestPlane;

  beforeAll(async () => {
    test = await startTestPlane(database, { enrollRate: { burst: 20, perSecond: 0.5 } });
    await test.register('shop', 'edge-1');
  });
  afterAll(() => test[Symbol.asyncDispose]());

  it.each(CASES)('refuses %s', async (_, method, path, options, status, code, detail) => {
    const answer = await test.call(method, path, options);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer).toMatchObject({
      status,
      body: { type: `urn:spanpass:problem:${code}`, title: expect.any(String), status, code },
    });
    expect(answer.body.detail).toMatch(detail);
    expect(Object.keys(answer.body)).toHaveLength(5);
    expect(JSON.stringify(answer.body)).not.toMatch(/node_modules|\.ts:| {4}at /);
  });

  it.each([
    ['private', (jwk: Record<string, string>) => ({ ...jwk, d: jwk.x })],
    ['of another kind', () => ({ kty: 'oct', k: 'AAAA' })],
    ['with a member too many', (jwk: Record<string, string>) => ({ ...jwk, kid: 'x' })],
    ['without a coordinate', ({ y: _, ...jwk }: Record<string, string>) => jwk],
  ])('refuses a public key that is %s', async (_, change) => {
    const pair = await newPair();
    const proof = await prove(pair, 'shop/edge-1', test.clock);
    const body = { publicJwk: change(pair.publicJwk), alg: 'ES256', proof };
    const answer = await test.call('POST', KEYS, { body });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(answer.body.detail).toMatch(/^publicJwk: /);
  });

  it.each([
    ['is not a token', () => 'x.y.z'],
    [
      'says alg none',
      (proof: string) => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${proof.split('.')[1]}.`,
    ],
    ['was tampered with', (proof: string) => proof.replace(/\.[^.]{4}/, '.AAAA')],
  ])('refuses a proof that %s', async (_, change) => {
    const pair = await newPair();
    const proof = change(await prove(pair, 'shop/edge-1', test.clock));
    const answer = await test.call('POST', KEYS, { body: { publicJwk: pair.publicJwk, alg: 'ES256', proof } });
    expect(answer).toMatchObject({ status: 400, body: { code: 'proof_invalid' } });
  });

  it('refuses a point that is not on the curve', async () => {
    const pair = await newPair();
    const publicJwk = { ...pair.publicJwk, y: 'A'.repeat(43) };
    const proof = await prove(pair, 'shop/edge-1', test.clock);
    const answer = await test.call('POST', KEYS, { body: { publicJwk, alg: 'ES256', proof } });
    expect(answer).toMatchObject({ status: 400, body: { code: 'proof_invalid' } });
  });

  it('bounds the rate of enrollments by address, before it reads their bodies', async () => {
    const answers = [];
    for (let n = 0; n < 25; n++) answers.push(await test.call('POST', '/v1/enroll', { token: null, raw: '{' }));
    const limited = answers.filter(({ status }) => status === 429);
    expect(limited.length).toBeGreaterThan(3);
    expect(limited[0]).toMatchObject({ body: { code: 'rate_limited' } });
    expect(Number(limited[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await test.call('GET', '/v1/pipeds')).status).toBe(200);
  });

  it.each([
    ['what is not HTTP', 'HELLO\r\n\r\n', 400, 'malformed_request'],
    [
      'headers that are too large',
      `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    [
      'a body of two lengths',
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx',
      400,
      'malformed_request',
    ],
  ])('answers %s', async (_, text, status, code) => {
    const answer = await raw(test.plane.address.port, text);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain('content-type: application/problem+json');
    expect(answer).toContain(`"code":"${code}"`);
  });

  it('refuses whatever JSON it is sent, and breaks on none', async () => {
    const routes = [PIPEDS, KEYS, `${PIPEDS}/edge-1/disable?x=`];
    const any = fc.tuple(
      fc.constantFrom(...routes),
      fc.oneof(
        fc.json(),
        fc.json().map(json => `{"piped":${json}}`),
      ),
    );
    await fc.assert(
      fc.asyncProperty(any, async ([path, raw]) => {
        const { status } = await test.call('POST', path, { raw });
        expect(status).toBeLessThan(500);
      }),
      { numRuns: 300 },
    );
  });

  it('has nothing to say on internals', async () => {
    expect(test.log.text).not.toContain('"internal"');
  });
});

function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', chunk => {
      answer += chunk;
    });
    socket.on('close', () => resolve(answer)).on('error', reject);
  });
}
