import { expect, it } from 'vitest';
import type { Algorithm } from './algorithms.ts';
import { createKeyPair } from './key-pair.ts';
import { parsedKey } from './parsed-keys.ts';

it.each<Algorithm>(['ES256', 'EdDSA', 'RS256'])('keeps what it made of a key of %s, by all of the key', async alg => {
  const [one, other] = await Promise.all([createKeyPair(alg), createKeyPair(alg)]);
  const parsed = parsedKey(one.publicJwk);
  expect(parsed.export({ format: 'jwk' })).toEqual(one.publicJwk);
  expect(parsedKey({ ...one.publicJwk })).toBe(parsed);
  expect(parsedKey(other.publicJwk).export({ format: 'jwk' })).toEqual(other.publicJwk);
});

it('tells a point from its negative, which has the same x', async () => {
  const { publicJwk } = await createKeyPair('ES256');
  if (publicJwk.kty !== 'EC') throw new Error('no point');
  const prime = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
  const y = BigInt(`0x${Buffer.from(publicJwk.y, 'base64url').toString('hex')}`);
  const negative = {
    ...publicJwk,
    y: Buffer.from((prime - y).toString(16).padStart(64, '0'), 'hex').toString('base64url'),
  };
  for (const jwk of [publicJwk, negative, publicJwk]) expect(parsedKey(jwk).export({ format: 'jwk' })).toEqual(jwk);
});

it('lets go of those that were not used lately', async () => {
  const pairs = await Promise.all(Array.from({ length: 4200 }, () => createKeyPair('EdDSA')));
  const [first, often, ...others] = pairs;
  if (first === undefined || often === undefined) throw new Error('no pairs');
  const parsed = [parsedKey(first.publicJwk), parsedKey(often.publicJwk)];
  for (const { publicJwk } of others) {
    parsedKey(publicJwk);
    parsedKey(often.publicJwk);
  }
  expect(parsedKey(often.publicJwk)).toBe(parsed[1]);
  expect(parsedKey(first.publicJwk)).not.toBe(parsed[0]);
});
