import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repoRoot } from '../engines/root.ts';
import { trackedFiles } from '../repo/tracked.ts';

/** A block of code in a page. */
export interface Fence {
  /** From the root of the repository. */
  readonly page: string;
  /** Where it begins, counted from 1. */
  readonly line: number;
  /** `sh`, `ts`, `yaml`, …; empty where none is given. */
  readonly language: string;
  /** Why it can't be run, where it is marked so: ```` ```sh no-run="it needs another machine" ````. */
  readonly notRun: string | undefined;
  /** Without the indentation of a list that it stands in. */
  readonly code: string;
}

const block = /^( *)(`{3,})([^\s`]*)([^\n`]*)\n(.*?)^\1\2 *$/gms;

export function fencesIn(page: string, text: string): Fence[] {
  return [...text.matchAll(block)].map(({ index, 1: indent = '', 3: language = '', 4: info = '', 5: code = '' }) => ({
    page,
    line: text.slice(0, index).split('\n').length,
    language,
    notRun: /(?:^|\s)no-run="([^"]+)"/.exec(info)?.[1],
    code: indent === '' ? code : code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }));
}

/** Of every page that people read: the README, those of the packages, and all of `docs/`. */
export async function allFences(): Promise<Fence[]> {
  const pages = (await trackedFiles(repoRoot)).filter(path =>
    /^(?:docs\/.*|packages\/[^/]+\/README|README|SECURITY|CHANGELOG)\.md$/.test(path),
  );
  const found = await Promise.all(
    pages.map(async page => fencesIn(page, await readFile(join(repoRoot, page), 'utf8').catch(() => ''))),
  );
  return found.flat();
}
