import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadSettings } from '../config/settings.ts';
import { authServerSettings } from './auth-server.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spanpass-server-settings-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function load(yaml: string) {
  const file = join(dir, 'server.yaml');
  await writeFile(file, yaml);
  return loadSettings(authServerSettings, { file, env: {} });
}

it('takes a chain of authenticators from the file, piped-jwt alone without one', async () => {
  const one = { kind: 'oidc', issuer: 'https://login.example.org', audience: 'gateway' };
  const yaml = `authenticators:\n  - kind: piped-jwt\n  - ${JSON.stringify(one)}\n`;
  expect((await load(yaml)).authenticators).toEqual([{ kind: 'piped-jwt' }, one]);
  expect((await load('')).authenticators).toEqual([{ kind: 'piped-jwt' }]);
});

it('names the member of the chain that is wrong, in one line', async () => {
  const wrong = load('grpcPort: 0\nauthenticators:\n  - kind: piped-jwt\n  - kind: oidc\n    issuer: nowhere\n');
  await expect(wrong).rejects.toThrow(/^[^\n]*server\.yaml:2: authenticators\.1\.issuer: [^\n]+$/);
});
