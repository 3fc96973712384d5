import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enroll, readKeyFile } from '@spanpass/client';
import { startControlPlane } from '@spanpass/control-plane';
import { ControlPlaneClient } from '@spanpass/control-plane/client';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli, ok } from './commands.test.helper.ts';

describe('spanpass renew, of a real control plane', () => {
  let folder: string;
  let plane: Awaited<ReturnType<typeof startControlPlane>>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spanpass-renew-'));
    const logger = pino({ level: 'silent' });
    plane = await startControlPlane({ dataDir: join(folder, 'data'), port: 0, env: {}, logger });
  }, 60_000);
  afterAll(async () => {
    await plane.close();
    await rm(folder, { recursive: true });
  });

  it('replaces the key, and the control plane knows both', { timeout: 30_000 }, async () => {
    const api = new ControlPlaneClient({ url: plane.url, token: plane.adminToken ?? '' });
    const { enrollmentToken } = await api.registerPiped({ project: 'shop', piped: 'edge-1' });
    const keyFile = join(folder, 'key.json');
    const old = await enroll({ controlPlane: plane.url, enrollmentToken, keyFile });

    const out = await ok(['renew', '--key-file', keyFile]);
    const { kid, notAfter } = await readKeyFile(keyFile);
    expect(out).toBe(
      `edge-1 of shop goes on with key ${kid}, good until ${new Date(notAfter * 1000).toISOString()}.\n`,
    );
    expect(kid).not.toBe(old.kid);
    const items = await api.listKeys({ project: 'shop', piped: 'edge-1' });
    expect(items.map(key => [key.kid, key.keyStatus])).toEqual([
      [old.kid, 'active'],
      [kid, 'active'],
    ]);
    expect(items[0]?.notAfter).toBe(old.notAfter);

    // Nobody has seen the new key, so the old one stays, and a third has no room until it ends.
    const early = await cli(['renew', '--key-file', keyFile]);
    expect(early).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/too_many_keys \(409\)\n$/) });
    await api.revokeKey(old.kid, { force: true });
    const json = JSON.parse(await ok(['renew', '--key-file', keyFile, '--json', '--control-plane', plane.url]));
    expect(json).toMatchObject({ keyFile, project: 'shop', piped: 'edge-1', controlPlane: plane.url });
    expect(json).not.toHaveProperty('privateJwk');
    expect(JSON.parse(await readFile(keyFile, 'utf8')).kid).toBe(json.kid);
  });

  it.each([
    [[], 2, /required option '--key-file <file>'/],
    [['--key-file', '/nowhere/key.json'], 1, /\/nowhere\/key\.json/],
    [['--key-file', 'k', '--control-plane', 'nonsense'], 2, /is no http/],
    [['--key-file', 'k', '--alg', 'none'], 2, /Allowed choices are ES256/],
  ])('renew %j fails with exit code %i and one line', async (args, code, message) => {
    const result = await cli(['renew', ...args]);
    expect(result).toMatchObject({ code, out: '', err: expect.stringMatching(message) });
    expect(result.err.trim()).not.toContain('\n');
  });

  it('explains itself', async () => {
    const help = await ok(['renew', '--help']);
    expect(help).toMatch(/--key-file <file>.*--control-plane <url>.*--alg.*overlap.*spanpass renew --key-file/s);
  });
});
