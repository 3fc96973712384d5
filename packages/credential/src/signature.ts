import { flattenedVerify, importJWK } from 'jose';
import { ALGORITHMS, type Algorithm, type PublicJwk } from './algorithms.ts';
import type { UnverifiedJws } from './compact.ts';
import { CredentialError } from './errors.ts';

/** Parsed keys, for as long as somebody holds the JWK that they came from. */
const parsedKeys = new WeakMap<object, ReturnType<typeof importJWK>>();

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
  if (parsed.unverifiedHeader.alg !== key.alg) throw new CredentialError('algorithm_mismatch');
  if (parsed.signature.length !== ALGORITHMS[key.alg].signatureBytes(key.publicJwk)) {
    throw new CredentialError('signature_invalid');
  }
  const headerEnd = token.indexOf('.');
  const flattened = {
    protected: token.slice(0, headerEnd),
    payload: token.slice(headerEnd + 1, parsed.signedLength),
    signature: token.slice(parsed.signedLength + 1),
  };
  try {
    await flattenedVerify(flattened, await parsedKey(key), { algorithms: [key.alg] });
  } catch (cause) {
    throw new CredentialError('signature_invalid', { cause });
  }
}

function parsedKey({ alg, publicJwk }: { alg: Algorithm; publicJwk: PublicJwk }): ReturnType<typeof importJWK> {
  const known = parsedKeys.get(publicJwk);
  if (known) return known;
  const parsed = importJWK(publicJwk, alg);
  parsedKeys.set(publicJwk, parsed);
  return parsed;
}
