import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repoRoot } from '../engines/root.ts';

/** The rooms that are published, in the order of their arrows. */
export const publishedRooms = ['credential', 'client', 'tracing', 'server', 'console', 'control-plane', 'cli'] as const;

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly sideEffects?: boolean | readonly string[];
  readonly engines?: { readonly node?: string };
  readonly license?: string;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export function manifestOf(room: (typeof publishedRooms)[number]): Manifest {
  return JSON.parse(readFileSync(join(repoRoot, 'packages', room, 'package.json'), 'utf8')) as Manifest;
}

/** What a program imports: `@spanpass/server/settings` for `./settings`; files that are no modules are left out. */
export function importsOf({ name, exports = {} }: Manifest): string[] {
  return Object.keys(exports)
    .filter(path => !/\.(html|json)$/.test(path))
    .map(path => name + path.slice(1));
}
