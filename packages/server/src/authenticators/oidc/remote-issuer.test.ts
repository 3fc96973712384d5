import nock from 'nock';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { discoverKeys } from './discovery.ts';
import { fetchJson } from './fetch-json.ts';

const bounds = { timeoutMs: 2000, maxBytes: 1000 };
const DISCOVERY = '/.well-known/openid-configuration';
const ISSUER = 'https://issuer.example.org';

beforeEach(() => nock.disableNetConnect());
afterEach(() => {
  expect(nock.pendingMocks()).toEqual([]);
  nock.cleanAll();
  nock.enableNetConnect();
});

it('a remote issuer may keep its keys elsewhere, over TLS', async () => {
  nock(ISSUER).get(DISCOVERY).reply(200, { issuer: ISSUER, jwks_uri: 'https://keys.example.net/v3' });
  nock('https://keys.example.net').get('/v3').reply(200, { keys: [] });
  const url = await discoverKeys(ISSUER, bounds);
  expect(await fetchJson(url, bounds)).toEqual({ keys: [] });
});

it('a remote issuer leads to no service on loopback that anybody there could start', async () => {
  nock(ISSUER).get(DISCOVERY).reply(200, { issuer: ISSUER, jwks_uri: 'http://127.0.0.1:9999/keys' });
  await expect(discoverKeys(ISSUER, bounds)).rejects.toThrow('leads to no keys that could be trusted');
});

it('a redirect is not followed, not even to itself', async () => {
  nock(ISSUER)
    .get('/keys')
    .reply(301, undefined, { location: `${ISSUER}/keys2` });
  await expect(fetchJson(new URL(`${ISSUER}/keys`), bounds)).rejects.toThrow('the issuer answered 301');
});
