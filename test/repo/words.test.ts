import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { repoRoot } from '../engines/root.ts';
import { trackedFiles } from './tracked.ts';

/** In parts, so that this file is not the first to break its rule. */
const registryHosts = [
  ['registry', 'npmjs', 'org'],
  ['registry', 'yarnpkg', 'com'],
  ['proxy', 'golang', 'org'],
  ['pypi', 'org'],
  ['files', 'pythonhosted', 'org'],
  ['repo', 'maven', 'apache', 'org'],
  ['deb', 'debian', 'org'],
].map(parts => parts.join('.'));

/** A place that only one machine has: whoever clones this has another. */
const someonesFolder = /(?<![\w.$}~-])\/(work|root|home\/[a-z]+|Users\/[A-Za-z]+)\//;

const issueNumber = /\bissues? #?\d+\b/i;

function offences(text: string): string[] {
  return [
    ...registryHosts.filter(host => text.includes(host)),
    ...[someonesFolder, issueNumber].flatMap(pattern => pattern.exec(text)?.[0] ?? []),
  ];
}

const binary = /\.(bin|png|ico|woff2|gz)$/;

it('no file names a registry, a folder of one machine, or an issue by number', async () => {
  const found: string[] = [];
  for (const path of await trackedFiles(repoRoot)) {
    if (binary.test(path)) continue;
    const text = await readFile(join(repoRoot, path), 'utf8').catch(() => '');
    found.push(...offences(text).map(offence => `${path}: ${offence}`));
  }
  expect(found).toEqual([]);
});

it('such a word would be found', () => {
  const [npm = ''] = registryHosts;
  const folder = ['', 'home', 'somebody', ''].join('/');
  const issue = ['issue', '12'].join(' ');
  expect(offences(`"resolved": "https://${npm}/x.tgz"`)).toEqual([npm]);
  expect(offences(`see ${folder}spanpass`)).toEqual([folder]);
  expect(offences(`as ${issue} says`)).toEqual([issue]);
  expect(offences('https://example.org/work/x ./work/x {root}/work/x')).toEqual([]);
});
