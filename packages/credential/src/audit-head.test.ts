import { SignJWT } from 'jose';
import { beforeAll, expect, it } from 'vitest';
import { readUnverifiedAuditHead, signAuditHead, verifyAuditHead } from './audit-head.ts';
import { createKeyPair, type KeyPair } from './key-pair.ts';
import { parseSnapshotKeys, type SnapshotKeys } from './snapshot-keys.ts';

const HEAD = { seq: 7, hash: 'ab'.repeat(32), at: 1_893_456_000 };

let pair: KeyPair;
let keys: SnapshotKeys;
let jws: string;

beforeAll(async () => {
  pair = await createKeyPair('ES256');
  keys = await parseSnapshotKeys({ keys: [pair.publicJwk] });
  jws = await signAuditHead(pair, HEAD);
});

const sign = async (claims: Record<string, unknown>, typ = 'audit-head+jwt') => {
  const key = await crypto.subtle.importKey(
    'jwk',
    pair.privateJwk as object,
    { name: 'ECDSA', namedCurve: 'P-256' },
    false,
    ['sign'],
  );
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: pair.kid, typ }).sign(key);
};
const CLAIMS = { iss: 'spanpass-control-plane', iat: HEAD.at, seq: HEAD.seq, hash: HEAD.hash };

it('says where the audit stood, to whoever pinned the key', async () => {
  expect(await verifyAuditHead(jws, keys)).toEqual(HEAD);
  expect(readUnverifiedAuditHead(jws)).toEqual(HEAD);
  expect(jws.length).toBeLessThan(600);
});

it('is not taken on the word of another key', async () => {
  const other = await parseSnapshotKeys({ keys: [(await createKeyPair('ES256')).publicJwk] });
  await expect(verifyAuditHead(jws, other)).rejects.toMatchObject({ code: 'key_not_pinned' });
});

it('is not taken when a bit of what is signed was changed', async () => {
  const [header, , signature] = jws.split('.');
  const claims = Buffer.from(JSON.stringify({ ...CLAIMS, seq: 6 })).toString('base64url');
  await expect(verifyAuditHead(`${header}.${claims}.${signature}`, keys)).rejects.toMatchObject({
    code: 'signature_invalid',
  });
});

it.each([
  ['another purpose', () => sign(CLAIMS, 'key-snapshot+jwt'), 'typ_mismatch'],
  ['another issuer', () => sign({ ...CLAIMS, iss: 'somebody' }), 'claims_malformed'],
  ['no hash', () => sign({ ...CLAIMS, hash: undefined }), 'claims_malformed'],
  ['a hash that is none', () => sign({ ...CLAIMS, hash: 'ab' }), 'claims_malformed'],
  ['a negative row', () => sign({ ...CLAIMS, seq: -1 }), 'claims_malformed'],
  ['no JWS', async () => 'heads', 'malformed'],
  ['too much', async () => `${jws}${'A'.repeat(1024)}`, 'malformed'],
])('refuses %s', async (_, make, code) => {
  const made = await make();
  await expect(verifyAuditHead(made, keys)).rejects.toMatchObject({ code });
  expect(() => readUnverifiedAuditHead(made)).toThrow(expect.objectContaining({ code }));
});
