import { constants, type KeyObject, type SigningOptions, verify } from 'node:crypto';
import { ALGORITHMS, type Algorithm, type PublicJwk } from './algorithms.ts';
import type { UnverifiedJws } from './compact.ts';
import { CredentialError } from './errors.ts';
import { parsedKey } from './parsed-keys.ts';

/** How OpenSSL has to be asked (RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.1). */
const HOW: Readonly<Record<Algorithm, { readonly digest: string | null; readonly options: SigningOptions }>> = {
  ES256: { digest: 'sha256', options: { dsaEncoding: 'ieee-p1363' } },
  EdDSA: { digest: null, options: {} },
  RS256: { digest: 'sha256', options: { padding: constants.RSA_PKCS1_PADDING } },
  PS256: {
    digest: 'sha256',
    options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
  },
};

/**
 * Verifies the signature of what `parseCredential` or `parseJws` took apart. The algorithm is the caller's, never the
 * token's (RFC 8725 section 3.1).
 *
 * @throws CredentialError `algorithm_mismatch`, `signature_invalid`
 */
export async function verifySignature(
  token: string,
  parsed: UnverifiedJws,
  key: { alg: Algorithm; publicJwk: PublicJwk },
): Promise<void> {
  const { digest, options } = question(parsed, key);
  let holds: boolean;
  try {
    const how = { key: parsedKey(key.publicJwk), ...options };
    holds = await verifyInBackground(digest, signedPart(token, parsed), how, parsed.signature);
  } catch (cause) {
    throw new CredentialError('signature_invalid', { cause });
  }
  if (!holds) throw new CredentialError('signature_invalid');
}

/**
 * The same at once, on the thread that asks: it costs less than waking another one, and nothing else goes on meanwhile.
 *
 * @throws CredentialError `algorithm_mismatch`, `signature_invalid`
 */
export function verifySignatureNow(
  token: string,
  parsed: UnverifiedJws,
  key: { alg: Algorithm; publicJwk: PublicJwk },
): void {
  const { digest, options } = question(parsed, key);
  let holds: boolean;
  try {
    const how = { key: parsedKey(key.publicJwk), ...options };
    holds = verify(digest, signedPart(token, parsed), how, parsed.signature);
  } catch (cause) {
    throw new CredentialError('signature_invalid', { cause });
  }
  if (!holds) throw new CredentialError('signature_invalid');
}

function question(parsed: UnverifiedJws, key: { alg: Algorithm; publicJwk: PublicJwk }) {
  if (parsed.unverifiedHeader.alg !== key.alg) throw new CredentialError('algorithm_mismatch');
  if (parsed.signature.length !== ALGORITHMS[key.alg].signatureBytes(key.publicJwk)) {
    throw new CredentialError('signature_invalid');
  }
  return HOW[key.alg];
}

/** Base64url and dots, so each character is a byte. */
function signedPart(token: string, { signedLength }: UnverifiedJws): Buffer {
  return Buffer.from(token.slice(0, signedLength), 'latin1');
}

/** On one of libuv's threads, so that checks whose answer is known go on meanwhile. */
function verifyInBackground(
  digest: string | null,
  signed: Buffer,
  key: { readonly key: KeyObject } & SigningOptions,
  signature: Uint8Array,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    verify(digest, signed, key, signature, (error, holds) => (error ? reject(error) : resolve(holds)));
  });
}
