import { constants, createPrivateKey, type SignKeyObjectInput, sign } from 'node:crypto';
import { type KeyPair, PURPOSES, type Purpose } from '@spanpass/credential';
import { encode, type Members } from '../attacks/forge.ts';

/** The moment at which all vectors are judged, NumericDate seconds: 2026-09-21T13:33:20Z. */
export const NOW = 1_790_000_000;

const JTI = '0d6f3c52-6b0e-4c8e-9d51-1f5f0a0c0001';

const HOW = {
  ES256: { digest: 'sha256', dsaEncoding: 'ieee-p1363' },
  EdDSA: { digest: null },
  RS256: { digest: 'sha256' },
  PS256: {
    digest: 'sha256',
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  },
} as const satisfies Record<string, { readonly digest: string | null } & Omit<SignKeyObjectInput, 'key'>>;

/** Signs any header and any claims, by node:crypto and not by the code that the vectors are to judge. */
export function signed(pair: KeyPair, header: Members, claims: Members): string {
  const { digest, ...how } = HOW[pair.alg];
  const input = `${encode(header)}.${encode(claims)}`;
  const key = createPrivateKey({ key: pair.privateJwk, format: 'jwk' });
  return `${input}.${sign(digest, Buffer.from(input), { key, ...how }).toString('base64url')}`;
}

export interface Owner {
  readonly project: string;
  readonly piped: string;
}

/** A credential as a piped makes it at `NOW`. */
export function credentialOf(
  pair: KeyPair,
  { project, piped }: Owner,
  purpose: Purpose,
  claims: Members & { readonly aud: unknown },
): string {
  const header = { alg: pair.alg, kid: pair.kid, typ: PURPOSES[purpose].typ };
  const { defaultLifeSeconds } = PURPOSES[purpose];
  const times = { iat: NOW, exp: NOW + defaultLifeSeconds };
  return signed(pair, header, { iss: piped, sub: piped, project, ...times, jti: JTI, ...claims });
}

/** A proof of possession as a piped makes it at `NOW`; `bound_to` is the digest. */
export function proofOf(pair: KeyPair, boundToDigest: string, header: Members = {}, claims: Members = {}): string {
  return signed(
    pair,
    { alg: pair.alg, kid: pair.kid, typ: 'piped-possession+jwt', ...header },
    { aud: 'spanpass-control-plane', iat: NOW, exp: NOW + 60, jti: JTI, bound_to: boundToDigest, ...claims },
  );
}
