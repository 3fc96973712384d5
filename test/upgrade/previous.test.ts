import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { previousVersion } from '../engines/previous.ts';
import { repoRoot } from '../engines/root.ts';

it('the previous version is named by a whole commit, and is not newer than this one', async () => {
  const { version } = JSON.parse(await readFile(join(repoRoot, 'package.json'), 'utf8')) as { version: string };
  const previous = previousVersion();
  expect(previous.commit).toMatch(/^[0-9a-f]{40}$/);
  expect(previous.why).not.toBe('');
  expect(isNewer(previous.version, version), `${previous.version} > ${version}`).toBe(false);
});

it('versions are compared number by number', () => {
  expect(isNewer('0.10.0', '0.9.9')).toBe(true);
  expect(isNewer('0.2.0', '0.10.0')).toBe(false);
  expect(isNewer('1.0.0', '1.0.0')).toBe(false);
});

function isNewer(version: string, than: string): boolean {
  const order = version.localeCompare(than, 'en', { numeric: true });
  return order > 0;
}
