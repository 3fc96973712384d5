import { existsSync, readFileSync } from 'node:fs';
import { vectorsFolder } from './keys.ts';

/** Gives back the token that a file holds under this title, if it says the same: ECDSA and PSS sign differently each time. */
export type Keep = (title: string, token: string) => string;

/** Tokens of a file as it is, by title: whatever else has one in it is looked through, too. */
export function keeperOf(file: string): Keep {
  const path = `${vectorsFolder}/${file}`;
  const known = new Map<string, string>();
  if (existsSync(path)) collect(JSON.parse(readFileSync(path, 'utf8')), known);
  return (title, token) => {
    const before = known.get(title);
    return before !== undefined && signedPart(before) === signedPart(token) ? before : token;
  };
}

function collect(value: unknown, into: Map<string, string>): void {
  if (typeof value !== 'object' || value === null) return;
  const { title, token } = value as { title?: unknown; token?: unknown };
  if (typeof title === 'string' && typeof token === 'string') into.set(title, token);
  for (const member of Object.values(value)) collect(member, into);
}

/** Everything before the last dot: what two signings of the same have in common. */
export function signedPart(token: string): string {
  return token.slice(0, token.lastIndexOf('.'));
}
