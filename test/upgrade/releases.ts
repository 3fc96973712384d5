import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { spanpassCommand } from '../harness/servers.ts';

/** One version of everything: its command, and its client as a piped imports it. */
export interface Release {
  readonly name: 'previous' | 'current';
  /** The command as its build left it. */
  readonly command: string;
  readonly root: string;
  readonly client: typeof import('@spanpass/client');
}

export async function releaseOf(name: Release['name'], command: string): Promise<Release> {
  // <root>/packages/cli/dist/main.js
  const root = dirname(dirname(dirname(dirname(command))));
  const client = await import(pathToFileURL(join(root, 'packages', 'client', 'dist', 'index.js')).href);
  return { name, command, root, client };
}

/** The previous version, whose command an engine is, and this one. */
export async function bothReleases(previousCommand: string): Promise<Readonly<Record<Release['name'], Release>>> {
  return {
    previous: await releaseOf('previous', previousCommand),
    current: await releaseOf('current', spanpassCommand),
  };
}
