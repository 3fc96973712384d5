import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repoRoot } from '../engines/root.ts';
import { trackedFiles } from './tracked.ts';

const topLevel = new Set([
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'turbo.json',
  'packages',
  'test',
  'docs',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'SECURITY.md',
]);

describe('the layout', () => {
  it('has a short top level', async () => {
    const entries = new Set((await trackedFiles(repoRoot)).map(path => path.split('/')[0] ?? ''));
    expect([...entries].filter(entry => !entry.startsWith('.') && !topLevel.has(entry))).toEqual([]);
  });

  it('keeps nothing that is built', async () => {
    const built = /(^|\/)(dist|node_modules|\.turbo|\.spanpass)\/|\.tsbuildinfo$/;
    expect((await trackedFiles(repoRoot)).filter(path => built.test(path))).toEqual([]);
  });

  it('says in each package what it is for', async () => {
    const packages = await readdir(join(repoRoot, 'packages'));
    expect(packages.filter(name => !existsSync(join(repoRoot, 'packages', name, 'README.md')))).toEqual([]);
  });
});
