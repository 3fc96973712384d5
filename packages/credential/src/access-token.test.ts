import { importJWK, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { type AccessTokenClaims, signAccessToken } from './access-token.ts';
import { createKeyPair } from './key-pair.ts';

const token: AccessTokenClaims = {
  issuer: 'https://control-plane.example.org',
  audience: 'spanpass-gateway',
  project: 'shop',
  piped: 'edge-1',
  scopes: ['traces', 'logs'],
  issuedAt: 1_790_000_000,
  expiresAt: 1_790_000_300,
  jti: 'one',
};

async function signed(claims: AccessTokenClaims) {
  const pair = await createKeyPair('ES256');
  return jwtVerify(await signAccessToken(pair, claims), await importJWK(pair.publicJwk, 'ES256'), {
    issuer: claims.issuer,
    audience: claims.audience,
    typ: 'at+jwt',
    algorithms: ['ES256'],
    currentDate: new Date(claims.issuedAt * 1000),
  });
}

describe('an access token', () => {
  it('has the type and the claims of RFC 9068 section 2', async () => {
    const { payload, protectedHeader } = await signed(token);
    expect(Object.keys(protectedHeader).sort()).toEqual(['alg', 'kid', 'typ']);
    expect(payload).toEqual({
      iss: 'https://control-plane.example.org',
      sub: 'edge-1',
      client_id: 'edge-1',
      aud: 'spanpass-gateway',
      project: 'shop',
      scope: 'traces logs',
      iat: 1_790_000_000,
      exp: 1_790_000_300,
      jti: 'one',
    });
  });

  it('may be bound to a certificate', async () => {
    const certificateThumbprint = 'x'.repeat(43);
    const { payload } = await signed({ ...token, certificateThumbprint });
    expect(payload.cnf).toEqual({ 'x5t#S256': certificateThumbprint });
  });
});
