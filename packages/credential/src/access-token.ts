import { importJWK, SignJWT } from 'jose';
import type { PrivateJwk } from './algorithms.ts';
import type { Signal } from './ids.ts';

/** RFC 9068 section 2.1. */
const TYP = 'at+jwt';
const ALG = 'ES256';

/** What a client assertion in a token request says that it is (RFC 7523 section 2.2). */
export const CLIENT_ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** Whom an access token speaks for, to whom, and for how long. */
export interface AccessTokenClaims {
  /** URL of the control plane that issues it. */
  readonly issuer: string;
  /** The gateway's id. */
  readonly audience: string;
  readonly project: string;
  readonly piped: string;
  readonly scopes: readonly Signal[];
  /** NumericDate seconds. */
  readonly issuedAt: number;
  /** NumericDate seconds. */
  readonly expiresAt: number;
  readonly jti: string;
  /** Certificate that the token is bound to: base64url SHA-256 of its DER (RFC 8705 section 3.1). */
  readonly certificateThumbprint?: string | undefined;
}

/**
 * Signs an access token (RFC 9068): a compact JWS (ES256, `typ: at+jwt`) with the claims `iss sub client_id aud project
 * scope iat exp jti`, and `cnf` where it is bound. `sub` and `client_id` are the piped, which is one of its project's.
 */
export async function signAccessToken(
  key: { readonly kid: string; readonly privateJwk: PrivateJwk },
  token: AccessTokenClaims,
): Promise<string> {
  const claims = {
    iss: token.issuer,
    sub: token.piped,
    client_id: token.piped,
    aud: token.audience,
    project: token.project,
    scope: token.scopes.join(' '),
    iat: token.issuedAt,
    exp: token.expiresAt,
    jti: token.jti,
    ...(token.certificateThumbprint !== undefined && { cnf: { 'x5t#S256': token.certificateThumbprint } }),
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: ALG, kid: key.kid, typ: TYP })
    .sign(await importJWK(key.privateJwk, ALG));
}
