import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface Entry {
  readonly link?: boolean;
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as {
  packages: Readonly<Record<string, Entry>>;
};
const entries = Object.entries(lock.packages);

/** As Node finds a package: beside the one that asks, or in a folder above it. */
function isFound(name: string, from: string): boolean {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
    if (`${folder === '' ? '' : `${folder}/`}node_modules/${name}` in lock.packages) return true;
    if (folder === '') return false;
  }
}

it('the lock file names what every platform needs: a clean install refuses one that does not', () => {
  const missing = entries.flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(name => !isFound(name, path)),
  );
  expect(missing).toEqual([]);
});

it('the lock file names no host to download from', () => {
  const hosts = entries.filter(([, { link, resolved }]) => link !== true && resolved !== undefined);
  expect(hosts).toEqual([]);
});
