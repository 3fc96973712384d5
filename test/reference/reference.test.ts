import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { trackedFiles } from '../repo/tracked.ts';
import { auditActionsAsData } from './audit-actions.ts';
import { commandPage } from './command.ts';
import { httpApiPage } from './http-api.ts';
import { refusalsAsData, refusalsPage } from './refusals.ts';
import { settingsPage } from './settings.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

it('the page of reasons is in sync with the table that answers them (npm run reference -w test)', async () => {
  expect(await readFile(join(root, 'docs/reference/refusals.md'), 'utf8')).toBe(refusalsPage());
});

it('the console explains every reason (npm run reference -w test)', async () => {
  expect(await readFile(join(root, 'packages/console/src/reasons/reasons.json'), 'utf8')).toBe(refusalsAsData());
});

it('the console can ask the audit for every action (npm run reference -w test)', async () => {
  expect(await readFile(join(root, 'packages/console/src/audit/actions.json'), 'utf8')).toBe(auditActionsAsData());
});

it('the page of settings is in sync with the schemas that read them (npm run reference -w test)', async () => {
  expect(await readFile(join(root, 'docs/reference/settings.md'), 'utf8')).toBe(settingsPage());
});

it('the page of the command is in sync with what reads the command line (npm run reference -w test)', async () => {
  expect(await readFile(join(root, 'docs/reference/command.md'), 'utf8')).toBe(await commandPage());
});

it('every option of the command says what it means', async () => {
  expect(await commandPage()).not.toMatch(/^\| `-[^|]*\|\s+\|/m);
});

it('the page of the HTTP API is in sync with the OpenAPI document (npm run reference -w test)', async () => {
  expect(await readFile(join(root, 'docs/reference/http-api.md'), 'utf8')).toBe(httpApiPage());
});

it('every setting says what it means', () => {
  expect(settingsPage()).not.toMatch(/\|\s+\|$/m);
});

it('no page links to a file that is not there', async () => {
  const pages = (await trackedFiles(root)).filter(path => /^docs\/.*\.md$/.test(path));
  const rooms = (await readdir(join(root, 'packages'))).map(name => join('packages', name, 'README.md'));
  const dead: string[] = [];
  for (const page of ['README.md', 'CHANGELOG.md', 'SECURITY.md', ...rooms, ...pages]) {
    const text = await readFile(join(root, page), 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      if (!existsSync(resolve(root, dirname(page), target))) dead.push(`${page}: ${target}`);
    }
  }
  expect(dead).toEqual([]);
});
