import { readFileSync } from 'node:fs';
import type { KeyPair } from '@spanpass/credential';
import { repoRoot } from '../engines/root.ts';

export const vectorsFolder = `${repoRoot}/docs/spec/vectors`;

const NAMES = ['es256', 'eddsa', 'rs256', 'ps256', 'victim', 'stranger', 'next'] as const;

export type KeyName = (typeof NAMES)[number];

/** The published keys: fixed, with both halves, so that anybody can sign what the vectors hold. */
export function publishedKeys(): Readonly<Record<KeyName, KeyPair>> {
  const { keys } = JSON.parse(readFileSync(`${vectorsFolder}/keys.json`, 'utf8')) as {
    keys: Readonly<Record<string, KeyPair>>;
  };
  return Object.fromEntries(
    NAMES.map(name => {
      const pair = keys[name];
      if (pair === undefined) throw new Error(`keys.json has no ${name}`);
      return [name, pair];
    }),
  ) as Record<KeyName, KeyPair>;
}
