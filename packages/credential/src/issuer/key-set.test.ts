import { beforeAll, describe, expect, it } from 'vitest';
import { createIssuerKey, type IssuerKeyPair } from './issuer.test.support.ts';
import { keyName, parseKeySet } from './key-set.ts';

const ALL = ['ES256', 'RS256', 'PS256', 'EdDSA'] as const;
let ec: IssuerKeyPair;
let rsa: IssuerKeyPair;
let okp: IssuerKeyPair;
beforeAll(async () => {
  [ec, rsa, okp] = await Promise.all([
    createIssuerKey('ec'),
    createIssuerKey('rsa', 'RS256'),
    createIssuerKey('okp', 'EdDSA'),
  ]);
});

const namesOf = (keys: unknown[], algorithms: readonly (typeof ALL)[number][] = ALL) => [
  ...parseKeySet({ keys }, algorithms).keys(),
];

describe('a JWK set', () => {
  it('gives the keys of all kinds, without what else is in them', () => {
    const keys = parseKeySet({ keys: [{ ...ec.jwk, x5c: ['MII'], x5t: 'a' }, rsa.jwk, okp.jwk], more: 1 }, ALL);
    expect([...keys.keys()]).toEqual(['ES256 ec', 'RS256 rsa', 'EdDSA okp']);
    expect(keys.get(keyName('ec', 'ES256'))).toEqual({ kid: 'ec', alg: 'ES256', publicJwk: ec.publicJwk });
    expect(Object.isFrozen(keys.get('ES256 ec'))).toBe(true);
  });

  it('has an RSA key without an algorithm for both', () => {
    expect(namesOf([{ ...rsa.jwk, alg: undefined }])).toEqual(['RS256 rsa', 'PS256 rsa']);
    expect(namesOf([{ ...rsa.jwk, alg: undefined }], ['PS256'])).toEqual(['PS256 rsa']);
  });

  it('may use one kid for keys of different kinds (RFC 7517 section 4.5)', () => {
    expect(namesOf([ec.jwk, { ...rsa.jwk, kid: 'ec' }])).toEqual(['ES256 ec', 'RS256 ec']);
  });

  it('does not say which of two keys of one name is meant', () => {
    expect(namesOf([ec.jwk, { ...ec.jwk }, okp.jwk])).toEqual(['EdDSA okp']);
    expect(namesOf([ec.jwk, ec.jwk, ec.jwk])).toEqual([]);
  });

  it.each([
    ['for encryption', () => ({ ...ec.jwk, use: 'enc' })],
    ['for signing only', () => ({ ...ec.jwk, key_ops: ['sign'] })],
    ['of another algorithm', () => ({ ...ec.jwk, alg: 'ES512' })],
    ['of an algorithm that is a list', () => ({ ...ec.jwk, alg: ['ES256'] })],
    ['without a kid', () => ({ ...ec.jwk, kid: undefined })],
    ['with an empty kid', () => ({ ...ec.jwk, kid: '' })],
    ['with a kid that is a number', () => ({ ...ec.jwk, kid: 7 })],
    ['with a kid without end', () => ({ ...ec.jwk, kid: 'k'.repeat(257) })],
    ['with its private half', () => ({ ...ec.jwk, d: ec.privateJwk.d })],
    ['that is symmetric', () => ({ kty: 'oct', k: 'AAAA', kid: 'oct', alg: 'HS256' })],
    ['on another curve', () => ({ ...ec.jwk, crv: 'P-521' })],
    ['without a coordinate', () => ({ ...ec.jwk, y: undefined })],
    ['with a coordinate that is short', () => ({ ...ec.jwk, x: 'AAAA' })],
    ['with a modulus of 1024 bits', () => ({ ...rsa.jwk, n: 'A'.repeat(171) })],
    ['with an exponent of 1', () => ({ ...rsa.jwk, e: 'AQ' })],
  ])('leaves out a key %s', (_, jwk) => {
    expect(namesOf([jwk(), okp.jwk])).toEqual(['EdDSA okp']);
  });

  it('takes a key for verifying', () => {
    expect(namesOf([{ ...ec.jwk, key_ops: ['verify'] }])).toEqual(['ES256 ec']);
  });
});
