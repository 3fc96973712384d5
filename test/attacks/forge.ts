import { createHmac, createPrivateKey, sign } from 'node:crypto';
import type { KeyPair } from '@spanpass/credential';

/** What an attacker has: a key of his own that is registered, one that is not, and everything that is public. */
export interface Arms {
  /** An ES256 key of `edge-1` in `shop`, registered and active: the attacker may be a legitimate piped. */
  readonly mine: KeyPair;
  /** An RS256 key of `edge-rsa` in `shop`, registered and active. */
  readonly rsa: KeyPair;
  /** An ES256 key of `edge-1` in `bank`, registered and active: the victim. Only its public half is used. */
  readonly victim: KeyPair;
  /** An ES256 key that nobody registered. */
  readonly stranger: KeyPair;
  readonly nowSeconds: number;
}

export type Members = Record<string, unknown>;

export const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

export const goodHeader = (pair: KeyPair): Members => ({ alg: pair.alg, kid: pair.kid, typ: 'piped+jwt' });

export const goodClaims = ({ nowSeconds }: Arms): Members => ({
  iss: 'edge-1',
  sub: 'edge-1',
  aud: 'spanpass-gateway',
  project: 'shop',
  iat: nowSeconds,
  exp: nowSeconds + 300,
  jti: 'b6d1a9c2-1111-4222-8333-444455556666',
});

/** A signature of `input` in the form of RFC 7518 section 3: for ES256, r and s side by side. */
export function signature(pair: KeyPair, input: string): Buffer {
  const key = createPrivateKey({ key: pair.privateJwk, format: 'jwk' });
  return sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
}

/** Signs whatever it is given: objects, or JSON texts that no object could say. */
export function forge(pair: KeyPair, header: Members | string, claims: Members | string): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${signature(pair, input).toString('base64url')}`;
}

/** The attacker's own good credential with some members changed, and signed again. */
export function altered(arms: Arms, header: Members, claims: Members = {}): string {
  return forge(arms.mine, { ...goodHeader(arms.mine), ...header }, { ...goodClaims(arms), ...claims });
}

/** The attacker's own good credential under a signature of his making. */
export function withSignature(arms: Arms, make: (good: Buffer, input: string) => Uint8Array): string {
  const input = `${encode(goodHeader(arms.mine))}.${encode(goodClaims(arms))}`;
  return `${input}.${Buffer.from(make(signature(arms.mine, input), input)).toString('base64url')}`;
}

/** The texts of a good header and good claims, for what is altered below the level of JSON. */
export function texts(arms: Arms): { header: string; claims: string } {
  return { header: JSON.stringify(goodHeader(arms.mine)), claims: JSON.stringify(goodClaims(arms)) };
}

export function hmac(secret: string | Uint8Array, header: Members, claims: Members): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

/** ASN.1 DER of an ES256 signature: what OpenSSL writes by default, and JWS forbids. */
export function der(rs: Buffer): Buffer {
  const integer = (bytes: Buffer) => {
    let start = 0;
    while (start < bytes.length - 1 && bytes[start] === 0) start++;
    const digits = bytes.subarray(start);
    const body = (digits[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits;
    return Buffer.concat([Buffer.of(2, body.length), body]);
  };
  const body = Buffer.concat([integer(rs.subarray(0, 32)), integer(rs.subarray(32))]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

/** The order of P-256. */
export const P256_ORDER = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
