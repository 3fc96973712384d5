import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CredentialVectors } from './credentials.ts';
import { vectorsFolder } from './keys.ts';
import type { PossessionVector } from './verify.ts';

interface Expectation {
  readonly title: string;
  readonly answer: 'accepted' | 'refused';
  readonly reason?: string;
}

function read<T>(name: string): T {
  return JSON.parse(readFileSync(join(vectorsFolder, name), 'utf8')) as T;
}

/** The committed vectors, as anybody reads them. */
export const vectors = {
  credentials: () => read<CredentialVectors>('credentials.json'),
  hostile: () => read<CredentialVectors>('hostile-credentials.json'),
  possession: () => read<{ now: number; cases: readonly (Expectation & PossessionVector)[] }>('possession.json'),
  keyFiles: () => read<{ cases: readonly (Expectation & { format: string; content: unknown })[] }>('key-files.json'),
  thumbprints: () => read<{ cases: readonly { title: string; jwk: never; kid: string }[] }>('thumbprints.json'),
  any: (name: string) => read<unknown>(name),
};
