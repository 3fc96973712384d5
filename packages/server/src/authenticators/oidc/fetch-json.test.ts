import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { discoverKeys } from './discovery.ts';
import { fetchJson, isSafe } from './fetch-json.ts';
import { type Answer, sendJson, startIssuer, type TestIssuer } from './issuer.test.support.ts';

const bounds = { timeoutMs: 2000, maxBytes: 1000 };
let issuer: TestIssuer;
beforeEach(async () => {
  issuer = await startIssuer();
});
afterEach(() => issuer[Symbol.asyncDispose]());

const fetched = (answer: Answer, options = bounds) => {
  issuer.answer = answer;
  return fetchJson(new URL(`${issuer.url}/keys`), options);
};

describe('an answer of an issuer', () => {
  it('is read', async () => {
    expect(await fetched((_, response) => sendJson(response, { a: 1 }))).toEqual({ a: 1 });
  });

  it.each<[string, Answer, string]>([
    ['an error', (_, r) => r.writeHead(500).end('{}'), 'the issuer answered 500'],
    ['a redirect', (_, r) => r.writeHead(302, { location: '/elsewhere' }).end(), 'the issuer answered 302'],
    ['no JSON', (_, r) => sendJson(r, '<html>'), 'is not a JSON object'],
    ['a list', (_, r) => sendJson(r, '[]'), 'is not a JSON object'],
    ['a member named twice', (_, r) => sendJson(r, '{"keys":[],"keys":[]}'), 'is not a JSON object'],
    ['no UTF-8', (_, r) => r.end(Buffer.from([0x22, 0xff, 0x22])), 'is not a JSON object'],
    ['too much', (_, r) => sendJson(r, `{"a":"${'x'.repeat(1000)}"}`), 'is too large'],
    [
      'an end before its time',
      (_, r) => r.writeHead(200, { 'content-length': 99 }).write('{', () => r.destroy()),
      'aborted',
    ],
  ])('that is %s is refused', async (_, answer, problem) => {
    await expect(fetched(answer)).rejects.toThrow(problem);
    expect(issuer.asked).toHaveLength(1);
  });

  it('that has no end is refused at its bound', async () => {
    let sent = 0;
    const endless: Answer = (_, response) => {
      const more = () => {
        if (response.destroyed || sent > 50_000_000) return;
        sent += 10_000;
        response.write('x'.repeat(10_000), more);
      };
      more();
    };
    await expect(fetched(endless)).rejects.toThrow('is too large');
    expect(sent).toBeLessThan(50_000_000);
  });

  it('that does not come is not waited for', async () => {
    await expect(fetched(() => {}, { ...bounds, timeoutMs: 30 })).rejects.toThrow(/timeout|abort/i);
  });

  it('that comes in drops is not waited for', async () => {
    const dropping: Answer = (_, response) => {
      const timer = setInterval(() => response.write(' '), 5);
      response.on('close', () => clearInterval(timer));
    };
    await expect(fetched(dropping, { ...bounds, timeoutMs: 60 })).rejects.toThrow(/timeout|abort/i);
  });
});

describe('the discovery document', () => {
  const leadingTo = (jwks_uri: unknown, changes: object = {}) => {
    issuer.answer = (_, response) => sendJson(response, { issuer: issuer.url, jwks_uri, ...changes });
    return discoverKeys(issuer.url, bounds);
  };

  it('leads to the keys, also to another host', async () => {
    expect(String(await leadingTo('https://keys.example.org/a?b'))).toBe('https://keys.example.org/a?b');
    expect(String(await leadingTo(`${issuer.url}/keys`))).toBe(`${issuer.url}/keys`);
    expect(issuer.asked).toEqual(Array(2).fill('/.well-known/openid-configuration'));
  });

  it('stands behind the path of an issuer, with one slash', async () => {
    issuer.answer = (_, response) =>
      sendJson(response, { issuer: `${issuer.url}/realms/edge/`, jwks_uri: 'https://a.example' });
    await discoverKeys(`${issuer.url}/realms/edge/`, bounds);
    expect(issuer.asked).toEqual(['/realms/edge/.well-known/openid-configuration']);
  });

  it.each([undefined, 7, '', '/keys', 'http://keys.example.org/', 'file:///keys', 'https://user@keys.example.org/'])(
    'that leads to %j is refused',
    async uri => {
      await expect(leadingTo(uri)).rejects.toThrow('leads to no keys');
    },
  );

  it('of another issuer is refused, even by one slash', async () => {
    await expect(leadingTo('https://a.example', { issuer: `${issuer.url}/` })).rejects.toThrow('is of another issuer');
    await expect(leadingTo('https://a.example', { issuer: undefined })).rejects.toThrow('is of another issuer');
  });
});

it.each([
  ['https://issuer.example.org', true],
  ['http://127.0.0.1:8080', true],
  ['http://[::1]:8080', true],
  ['http://localhost', true],
  ['http://issuer.example.org', false],
  ['http://127.0.0.1.example.org', false],
  ['http://127.evil.example', false],
  ['https://user:password@issuer.example.org', false],
  ['ftp://127.0.0.1', false],
])('%s is safe: %s', (url, safe) => {
  expect(isSafe(new URL(url))).toBe(safe);
});
