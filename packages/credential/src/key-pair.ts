import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { ALGORITHMS, type Algorithm, DEFAULT_ALGORITHM, type PrivateJwk, type PublicJwk } from './algorithms.ts';
import { publicHalf } from './key-file.ts';
import { thumbprint } from './key-record.ts';

export interface KeyPair {
  readonly kid: string;
  readonly alg: Algorithm;
  readonly publicJwk: PublicJwk;
  readonly privateJwk: PrivateJwk;
}

const generate = promisify(generateKeyPair);

/** Makes a key pair. RSA keys have 2048 bits. */
export async function createKeyPair(alg: Algorithm = DEFAULT_ALGORITHM): Promise<KeyPair> {
  const { privateKey } = await GENERATORS[alg]();
  const exported = privateKey.export({ format: 'jwk' });
  const members = Object.keys(ALGORITHMS[alg].privateJwk.shape);
  const privateJwk = Object.fromEntries(
    Object.entries(exported).filter(([name]) => members.includes(name)),
  ) as PrivateJwk;
  const publicJwk = publicHalf(alg, privateJwk);
  return { kid: await thumbprint(publicJwk), alg, publicJwk, privateJwk };
}

/** Not by WebCrypto, which takes three times as long: control planes make many. */
const GENERATORS = {
  ES256: () => generate('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generate('ed25519'),
  RS256: () => generate('rsa', { modulusLength: 2048 }),
  PS256: () => generate('rsa', { modulusLength: 2048 }),
} as const satisfies Record<Algorithm, unknown>;
