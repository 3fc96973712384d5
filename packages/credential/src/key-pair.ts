import { exportJWK, generateKeyPair } from 'jose';
import { ALGORITHMS, type Algorithm, DEFAULT_ALGORITHM, type PrivateJwk, type PublicJwk } from './algorithms.ts';
import { publicHalf } from './key-file.ts';
import { thumbprint } from './key-record.ts';

export interface KeyPair {
  readonly kid: string;
  readonly alg: Algorithm;
  readonly publicJwk: PublicJwk;
  readonly privateJwk: PrivateJwk;
}

/** Makes a key pair. RSA keys have 2048 bits. */
export async function createKeyPair(alg: Algorithm = DEFAULT_ALGORITHM): Promise<KeyPair> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  const exported = await exportJWK(privateKey);
  const members = Object.keys(ALGORITHMS[alg].privateJwk.shape);
  const privateJwk = Object.fromEntries(
    Object.entries(exported).filter(([name]) => members.includes(name)),
  ) as PrivateJwk;
  const publicJwk = publicHalf(alg, privateJwk);
  return { kid: await thumbprint(publicJwk), alg, publicJwk, privateJwk };
}
