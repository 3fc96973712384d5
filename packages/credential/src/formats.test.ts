import { describe, expect, it } from 'vitest';
import { FormatError } from './errors.ts';
import { parseKeyFile, parsePendingKey } from './key-file.ts';
import { createKeyPair } from './key-pair.ts';
import { parseKeyRecord, parsePublicJwk, thumbprint } from './key-record.ts';
import { createFixture } from './testing.ts';

const { pair, record } = await createFixture();
const [rsa, strange] = await Promise.all([createKeyPair('RS256'), createKeyPair()]);
const keyFile = {
  v: 1,
  kid: pair.kid,
  alg: 'ES256',
  project: 'shop',
  piped: 'edge-1',
  audience: 'spanpass-gateway',
  controlPlane: 'http://127.0.0.1:9085',
  notAfter: record.notAfter,
  privateJwk: pair.privateJwk,
};

describe('thumbprint', () => {
  it('is RFC 7638 section 3.1 on its own example', async () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw';
    expect(await thumbprint({ kty: 'RSA', n, e: 'AQAB' })).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
  });
});

describe('key record', () => {
  it('is read as it was written', async () => {
    expect(await parseKeyRecord(JSON.parse(JSON.stringify(record)))).toEqual(record);
  });

  it.each<[string, unknown, FormatError['code'], RegExp]>([
    ['version 2', { ...record, v: 2 }, 'unknown_version', /version 1/],
    ['no version', { ...record, v: undefined }, 'unknown_version', /version 1/],
    ['a list', [record], 'invalid_format', /not a JSON object/],
    ['null', null, 'invalid_format', /not a JSON object/],
    ['an unknown member', { ...record, note: 'x' }, 'invalid_format', /unknown members/],
    ['an unknown status', { ...record, keyStatus: 'paused' }, 'invalid_format', /keyStatus/],
    ['the algorithm none', { ...record, alg: 'none' }, 'invalid_format', /alg/],
    ['a key of another algorithm', { ...record, alg: 'EdDSA' }, 'invalid_format', /publicJwk/],
    ["another key's kid", { ...record, kid: rsa.kid }, 'invalid_format', /thumbprint/],
    ['a fractional time', { ...record, notAfter: 1.5 }, 'invalid_format', /notAfter/],
    ['a negative revision', { ...record, revision: -1 }, 'invalid_format', /revision/],
    ['a project that is a path', { ...record, project: '..' }, 'invalid_format', /project/],
    ['a signal that nobody knows', { ...record, scopes: ['spans'] }, 'invalid_format', /scopes/],
    ['a private key', { ...record, publicJwk: pair.privateJwk }, 'invalid_format', /publicJwk/],
  ])('refuses %s', async (_, input, code, message) => {
    const read = parseKeyRecord(input);
    await expect(read).rejects.toBeInstanceOf(FormatError);
    await expect(read).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

describe('public key', () => {
  it.each([
    ['RSA of 1024 bits', 'RS256', { kty: 'RSA', n: 'A'.repeat(171), e: 'AQAB' }],
    ['RSA with exponent 1', 'RS256', { ...rsa.publicJwk, e: 'AQ' }],
    ['another curve', 'ES256', { ...pair.publicJwk, crv: 'P-384' }],
    ['a short coordinate', 'ES256', { ...pair.publicJwk, x: 'AA' }],
    ['a symmetric key', 'ES256', { kty: 'oct', k: 'AAAA' }],
  ] as const)('refuses %s', (_, alg, jwk) => expect(() => parsePublicJwk(alg, jwk)).toThrow(FormatError));
});

describe('key file', () => {
  it('is read as it was written', async () => expect(await parseKeyFile(structuredClone(keyFile))).toEqual(keyFile));

  it.each<[string, unknown, FormatError['code']]>([
    ['version 9', { ...keyFile, v: 9 }, 'unknown_version'],
    ['no private key', { ...keyFile, privateJwk: pair.publicJwk }, 'invalid_format'],
    ["another key's kid", { ...keyFile, kid: rsa.kid }, 'invalid_format'],
    [
      'halves that do not belong together',
      { ...keyFile, privateJwk: { ...pair.privateJwk, d: strange.privateJwk.d } },
      'invalid_format',
    ],
    ['a control plane that is no URL', { ...keyFile, controlPlane: 'javascript:alert(1)' }, 'invalid_format'],
  ])('refuses %s, and tells no secret', async (_, input, code) => {
    const error = await parseKeyFile(input).catch(thrown => thrown);
    expect(error).toMatchObject({ name: 'FormatError', code });
    expect(String(error.message) + String(error.stack)).not.toContain(pair.privateJwk.d);
  });

  it('and a pending key likewise', async () => {
    const pending = { v: 1, status: 'pending', kid: pair.kid, alg: 'ES256', privateJwk: pair.privateJwk };
    expect(await parsePendingKey(pending)).toEqual(pending);
    await expect(parsePendingKey({ ...pending, status: 'active' })).rejects.toMatchObject({ code: 'invalid_format' });
  });
});
