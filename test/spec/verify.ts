import {
  CredentialError,
  type KeyRecord,
  parseCredential,
  parseKeyFile,
  parsePendingKey,
  verifyCredential,
  verifyPossession,
} from '@spanpass/credential';
import type { CredentialVector, CredentialVectors } from './credentials.ts';

/** `accepted`, or the reason for the refusal: what every implementation prints for a vector. */
export type Verdict = string;

/** What this repository's own code says to a credential. */
export async function judgeCredential(vectors: CredentialVectors, vector: CredentialVector): Promise<Verdict> {
  const now = () => vectors.now * 1000;
  const { purpose, audience, bodyHash } = vector;
  return verdictOf(async () => {
    const { kid } = parseCredential(vector.token).unverifiedHeader;
    const known = vectors.records[kid];
    if (known === undefined) throw new CredentialError('key_unknown');
    const record: KeyRecord = { ...known, ...vector.record };
    await verifyCredential(vector.token, record, { purpose, audience, ...(bodyHash && { bodyHash }), now });
  });
}

export interface PossessionVector {
  readonly title: string;
  readonly boundTo: string;
  readonly alg: KeyRecord['alg'];
  readonly publicJwk: KeyRecord['publicJwk'];
  readonly token: string;
}

export function judgeProof(now: number, vector: PossessionVector): Promise<Verdict> {
  return verdictOf(() => verifyPossession(vector.token, vector, vector.boundTo, () => now * 1000));
}

export function judgeKeyFile({ format, content }: { format: string; content: unknown }): Promise<Verdict> {
  return verdictOf(() => (format === 'key file' ? parseKeyFile(content) : parsePendingKey(content)));
}

async function verdictOf(judge: () => Promise<unknown>): Promise<Verdict> {
  try {
    await judge();
    return 'accepted';
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code === 'string') return code;
    throw error;
  }
}

/** What a vector expects, in the same words. */
export function expected({ answer, reason }: { answer: string; reason?: string }): Verdict {
  return reason ?? answer;
}
