import { importJWK, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { KeySnapshotError } from './errors.ts';
import { createKeyPair, type KeyPair } from './key-pair.ts';
import type { KeyRecord } from './key-record.ts';
import {
  encodeKeySnapshot,
  MAX_SNAPSHOT_RECORDS,
  type SnapshotExpectations,
  signKeySnapshot,
  verifyKeySnapshot,
} from './key-snapshot.ts';
import { sha256 } from './possession.ts';
import { parseSnapshotKeys, type SnapshotKeys } from './snapshot-keys.ts';

const NOW = 1_790_000_000_000;
const signer = await createKeyPair('ES256');
const stranger = await createKeyPair('ES256');
const piped = await createKeyPair('ES256');
const record: KeyRecord = {
  v: 1,
  kid: piped.kid,
  alg: 'ES256',
  project: 'shop',
  piped: 'edge-1',
  publicJwk: piped.publicJwk,
  scopes: ['traces'],
  keyStatus: 'active',
  pipedStatus: 'active',
  projectStatus: 'active',
  notBefore: 0,
  notAfter: NOW,
  revision: 7,
};

let keys: SnapshotKeys;
beforeAll(async () => {
  keys = await parseSnapshotKeys({ keys: [signer.publicJwk] });
});

interface Made {
  readonly key?: KeyPair;
  readonly records?: readonly unknown[];
  readonly body?: Uint8Array;
  readonly claims?: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
}

/** A snapshot as it should be, but for what is said. */
async function make({ key = signer, records = [record], body, claims, header }: Made = {}) {
  const bytes = body ?? encodeKeySnapshot(records as KeyRecord[]);
  const all = {
    iss: 'spanpass-control-plane',
    iat: NOW / 1000 - 30,
    revision: 9,
    body_hash: await sha256(bytes),
    ...claims,
  };
  const jws = await new SignJWT(all)
    .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: 'key-snapshot+jwt', ...header })
    .sign(await importJWK(key.privateJwk, key.alg));
  return { jws, body: bytes };
}

async function verify({ jws, body }: { jws: string; body: Uint8Array }, more: Partial<SnapshotExpectations> = {}) {
  return verifyKeySnapshot(jws, body, { keys, maxAgeMs: 900_000, minRevision: 0, now: () => NOW, ...more });
}

async function refusal(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => 'taken',
    thrown => thrown,
  );
  return error instanceof KeySnapshotError ? error.code : String(error);
}

describe('a key snapshot', () => {
  it('says what was signed', async () => {
    const body = encodeKeySnapshot([record]);
    const jws = await signKeySnapshot(signer, { body, revision: 9, issuedAtMs: NOW - 500 });
    expect(await verify({ jws, body })).toEqual({ revision: 9, issuedAt: NOW / 1000 - 1, records: [record] });
    expect(JSON.parse(Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString())).toEqual({
      alg: 'ES256',
      kid: signer.kid,
      typ: 'key-snapshot+jwt',
    });
  });

  it('may hold nothing, and be signed by any of several pinned keys', async () => {
    const both = await parseSnapshotKeys({ keys: [stranger.publicJwk, signer.publicJwk] });
    const made = await make({ records: [], key: stranger });
    expect((await verify(made, { keys: both })).records).toEqual([]);
  });

  it('is as old as maxAgeMs at most, and may come from a clock a minute ahead', async () => {
    const made = await make();
    expect(await refusal(verify(made, { maxAgeMs: 30_000 }))).toBe('taken');
    expect(await refusal(verify(made, { maxAgeMs: 29_999 }))).toBe('too_old');
    expect(await refusal(verify(made, { now: () => NOW - 90_000 }))).toBe('taken');
    expect(await refusal(verify(made, { now: () => NOW - 90_001 }))).toBe('issued_in_future');
    expect(await refusal(verify(made, { now: () => Number.NaN }))).toBe('issued_in_future');
  });

  it('may be of the last revision that was seen, and of none before it', async () => {
    const made = await make();
    expect(await refusal(verify(made, { minRevision: 9 }))).toBe('taken');
    expect(await refusal(verify(made, { minRevision: 10 }))).toBe('rolled_back');
    expect(await refusal(verify(made, { minRevision: Number.NaN }))).toBe('rolled_back');
  });

  it('is refused with any one bit of its body turned', async () => {
    const { jws, body } = await make();
    for (let bit = 0; bit < body.length * 8; bit += 13) {
      const turned = Uint8Array.from(body);
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(await refusal(verify({ jws, body: turned })), `bit ${bit}`).toBe('body_mismatch');
    }
  });

  it.each<[code: string, how: string, Made]>([
    ['key_not_pinned', 'another key', { key: stranger }],
    ['signature_invalid', 'another key under the name of the pinned one', { key: { ...stranger, kid: signer.kid } }],
    ['typ_mismatch', 'a credential', { header: { typ: 'piped+jwt' } }],
    ['malformed', 'a header that brings its key', { header: { jwk: stranger.publicJwk } }],
    ['claims_malformed', 'no revision', { claims: { revision: undefined } }],
    ['claims_malformed', 'a revision below zero', { claims: { revision: -1 } }],
    ['claims_malformed', 'a time as text', { claims: { iat: '1790000000' } }],
    ['claims_malformed', 'another issuer', { claims: { iss: 'somebody' } }],
    ['body_mismatch', 'the hash of other bytes', { claims: { body_hash: 'A'.repeat(43) } }],
    ['records_malformed', 'no JSON', { body: Buffer.from('{') }],
    ['records_malformed', 'no UTF-8', { body: Buffer.from([0xff]) }],
    ['records_malformed', 'a list alone', { body: Buffer.from('[]') }],
    ['records_malformed', 'an unknown version', { body: Buffer.from('{"v":2,"records":[]}') }],
    ['records_malformed', 'a kid that is not its key’s', { records: [{ ...record, kid: stranger.kid }] }],
    ['records_malformed', 'an unknown status', { records: [{ ...record, keyStatus: 'paused' }] }],
    ['records_malformed', 'a private key', { records: [{ ...record, publicJwk: piped.privateJwk }] }],
    ['records_malformed', 'a record of a later revision', { records: [{ ...record, revision: 10 }] }],
    ['records_malformed', 'a kid twice', { records: [record, { ...record, keyStatus: 'revoked' }] }],
    ['records_malformed', 'too many', { records: Array.from({ length: MAX_SNAPSHOT_RECORDS + 1 }, () => 0) }],
  ])('is refused as %s: %s', async (code, _, made) => {
    expect(await refusal(verify(await make(made)))).toBe(code);
  });

  it('is refused when the text before its body is no JWS', async () => {
    const { jws, body } = await make();
    for (const text of ['', 'x', jws.slice(0, -1), `${jws}=`, jws.slice(1), `${jws.slice(0, jws.lastIndexOf('.'))}.`]) {
      expect(['malformed', 'signature_invalid', 'key_not_pinned']).toContain(
        await refusal(verify({ jws: text, body })),
      );
    }
  });
});

describe('snapshot keys', () => {
  it('are read from a JWK Set, with or without what says the same twice', async () => {
    const { kid, publicJwk } = signer;
    const full = { ...publicJwk, kid, alg: 'ES256', use: 'sig' };
    expect([...(await parseSnapshotKeys({ keys: [full, stranger.publicJwk] }))]).toEqual([
      [kid, publicJwk],
      [stranger.kid, stranger.publicJwk],
    ]);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a key alone', signer.publicJwk],
    ['an empty set', { keys: [] }],
    ['too many', { keys: Array.from({ length: 17 }, () => signer.publicJwk) }],
    ['a private key', { keys: [signer.privateJwk] }],
    ['another use', { keys: [{ ...signer.publicJwk, use: 'enc' }] }],
    ['another algorithm', { keys: [{ ...signer.publicJwk, alg: 'ES384' }] }],
    ['another curve', { keys: [{ ...signer.publicJwk, crv: 'P-384' }] }],
    ['a kid of another key', { keys: [{ ...signer.publicJwk, kid: stranger.kid }] }],
  ])('are refused: %s', async (_, input) => {
    await expect(parseSnapshotKeys(input)).rejects.toMatchObject({ name: 'FormatError', code: 'invalid_format' });
  });
});
