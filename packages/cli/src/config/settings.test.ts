import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { environmentName, loadSettings } from './settings.ts';

const schema = z.object({
  listenPort: z.int().min(1).max(65_535).default(9085),
  dataDir: z.string().min(1).default('.spanpass'),
  adminToken: z.string().min(16).optional(),
  allowPlaintext: z.boolean().default(false),
});

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spanpass-settings-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function load(yaml: string | undefined, env: NodeJS.ProcessEnv = {}) {
  const file = yaml === undefined ? undefined : join(dir, 'spanpass.yaml');
  if (file !== undefined && yaml !== undefined) await writeFile(file, yaml);
  return loadSettings(schema, { file, env });
}

describe('settings', () => {
  it('have defaults, come from the file, and the environment wins', async () => {
    expect(await load(undefined)).toEqual({ listenPort: 9085, dataDir: '.spanpass', allowPlaintext: false });
    expect(await load('')).toMatchObject({ listenPort: 9085 });
    const env = { SPANPASS_LISTEN_PORT: '7', SPANPASS_ALLOW_PLAINTEXT: 'true', SPANPASS_DATA_DIR: '' };
    expect(await load('listenPort: 1\ndataDir: /d\n', env)).toEqual({
      listenPort: 7,
      dataDir: '/d',
      allowPlaintext: true,
    });
  });

  it('keep a text that looks like a number a text', async () => {
    expect(await load(undefined, { SPANPASS_DATA_DIR: '2026' })).toMatchObject({ dataDir: '2026' });
  });

  it.each([
    [
      'listenPort: 1\n\nlisenPort: 2\n',
      /spanpass.yaml:3: unknown setting 'lisenPort'; there are: adminToken, allowPlaintext/,
    ],
    ['dataDir: x\nlistenPort: many\n', /spanpass.yaml:2: listenPort: /],
    ['a: 1\na: 2\n', /spanpass.yaml:2: Map keys must be unique/],
    ['a: [1\n', /spanpass.yaml:\d: /],
    ['- 1\n', /spanpass.yaml: must be a mapping/],
  ])('%j is refused with its line', async (yaml, message) => {
    await expect(load(yaml)).rejects.toMatchObject({
      name: 'Failure',
      exitCode: 2,
      message: expect.stringMatching(message),
    });
  });

  it('name the variable at fault and never say what a secret was', async () => {
    const failing = load(undefined, { SPANPASS_ADMIN_TOKEN: 'short-secret' });
    await expect(failing).rejects.toThrow(/^SPANPASS_ADMIN_TOKEN: adminToken: /);
    await expect(failing).rejects.not.toThrow('short-secret');
  });

  it('a file that is not there is said in one line', async () => {
    await expect(loadSettings(schema, { file: join(dir, 'none.yaml'), env: {} })).rejects.toThrow(
      /^can't read the configuration: ENOENT[^\n]*$/,
    );
  });

  it('names follow from keys', () => {
    expect(environmentName('authServerTokenFile')).toBe('SPANPASS_AUTH_SERVER_TOKEN_FILE');
  });
});
