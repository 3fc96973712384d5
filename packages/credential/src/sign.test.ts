import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import { signCredential } from './sign.ts';
import { createFixture, NOW_SECONDS, now } from './testing.ts';

const { key } = await createFixture();
const options = { purpose: 'gateway', audience: 'spanpass-gateway', now } as const;

describe('signCredential', () => {
  it('writes the claims and header of the contract, and no more', async () => {
    const token = await signCredential(key, options);
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', kid: key.kid, typ: 'piped+jwt' });
    const { jti, ...claims } = decodeJwt(token);
    expect(jti).toMatch(/^[0-9a-f-]{36}$/);
    expect(claims).toEqual({
      iss: 'edge-1',
      sub: 'edge-1',
      aud: 'spanpass-gateway',
      project: 'shop',
      iat: NOW_SECONDS,
      exp: NOW_SECONDS + 300,
    });
  });

  it('never makes the same credential twice', async () => {
    expect(await signCredential(key, options)).not.toBe(await signCredential(key, options));
  });

  it.each([0, -1, 1.5, Number.NaN, 901, Number.POSITIVE_INFINITY])('refuses a life of %s s', lifetimeSeconds =>
    expect(signCredential(key, { ...options, lifetimeSeconds })).rejects.toThrow(TypeError),
  );

  it('refuses a renewal without its body, and a body where none belongs', async () => {
    await expect(signCredential(key, { ...options, purpose: 'renewal' })).rejects.toThrow(/bodyHash is required/);
    await expect(signCredential(key, { ...options, bodyHash: 'x' })).rejects.toThrow(/no meaning/);
  });

  it('keeps the private key in', async () => {
    await expect(crypto.subtle.exportKey('jwk', key.privateKey)).rejects.toThrow();
  });
});
