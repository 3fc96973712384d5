import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ControlPlane, startControlPlane } from '@spanpass/control-plane';
import { ControlPlaneClient } from '@spanpass/control-plane/client';
import { importSigningKey, type KeyFile, signCredential } from '@spanpass/credential';
import { type AuthServer, startAuthServer } from '@spanpass/server';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outputOf, runCommand } from './run-command.test.support.ts';

const KEY = 'old-key-0123456789abcdefghijklmnopqrstuvwxyz';
/** Of that key, at the lowest cost there is. */
const HASH = '$2b$04$fEnaxD5CdrZwBMv1/nnogOtJKXawEbiiMQYnupJR7yxyMU1EQipe.';
const logger = pino({ level: 'silent' });
let dir: string;
let plane: ControlPlane;
let auth: AuthServer;
let admin: ControlPlaneClient;
let file: string;
const record = (id: string, more: object = {}) => ({
  id,
  project_id: 'shop',
  name: 'edge',
  version: 'v0.50.0',
  keys: [] as object[],
  created_at: 1,
  ...more,
});

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spanpass-pipecd-'));
  file = join(dir, 'pipeds.json');
  plane = await startControlPlane({ dataDir: dir, port: 0, env: {}, logger });
  admin = new ControlPlaneClient({ url: plane.url, token: plane.adminToken ?? '' });
  auth = await startAuthServer({
    controlPlane: { url: plane.url, token: plane.authServerToken ?? '' },
    authenticators: ['piped-jwt', 'pipecd-key'],
    ...{ port: 0, http: { port: 0 }, metrics: false, usageReportEveryMs: 20, logger },
  });
}, 60_000);
afterAll(async () => {
  await auth?.[Symbol.asyncDispose]();
  await plane?.close();
  await rm(dir, { recursive: true });
});

function cli(args: string[]) {
  return runCommand(args, { env: { SPANPASS_CONTROL_PLANE: plane.url, SPANPASS_DATA_DIR: dir } });
}

async function ok(args: string[]): Promise<string> {
  return outputOf(await cli(args));
}

const check = async (credential: string) => {
  const headers = {
    'x-original-method': 'POST',
    'x-original-uri': '/v1/traces',
    authorization: `Bearer ${credential}`,
  };
  return (await fetch(`http://${auth.httpAddress}/nginx`, { headers })).status;
};
const pass = async (key: KeyFile) =>
  signCredential(await importSigningKey(key), { purpose: 'gateway', audience: key.audience });

describe('a fleet that moves from PipeCD', () => {
  it('is imported, and its old keys are good at once', async () => {
    const keys = [{ hash: HASH, creator: 'x', created_at: 1 }];
    await writeFile(file, JSON.stringify([record('old-1', { keys }), record('old-2', { keys, disabled: true })]));
    expect(await check(`shop,old-1,${KEY}`)).toBe(401);
    expect(await ok(['pipecd', 'import', '--file', file, '--dry-run'])).toBe(
      '2 pipeds: 2 would be registered, 0 would get other keys, 0 have just these; 1 would be disabled, as they are in PipeCD.\n',
    );
    expect(await admin.listPipeds()).toEqual([]);
    expect(await ok(['pipecd', 'import', '--file', file])).toBe(
      '2 pipeds: 2 were registered, 0 got other keys, 0 have just these; 1 were disabled, as they are in PipeCD.\n',
    );
    expect(await ok(['pipecd', 'import', '--file', file])).toContain('2 have just these; 0 were disabled');
    await expect.poll(() => check(`shop,old-1,${KEY}`), { timeout: 2000 }).toBe(200);
    expect(await check('shop,old-1,another-key')).toBe(401);
    expect(await check(`shop,old-2,${KEY}`)).toBe(403);
    expect(await check(`bank,old-1,${KEY}`)).toBe(401);
  });

  it('is refused within a second when a piped is disabled', async () => {
    expect(await check(`shop,old-1,${KEY}`)).toBe(200);
    await admin.disablePiped({ project: 'shop', piped: 'old-1' });
    await expect.poll(() => check(`shop,old-1,${KEY}`), { timeout: 1000, interval: 20 }).toBe(403);
    await admin.enablePiped({ project: 'shop', piped: 'old-1' });
    await expect.poll(() => check(`shop,old-1,${KEY}`), { timeout: 1000, interval: 20 }).toBe(200);
  });

  it('may show both credentials meanwhile, and the report says who shows which', { timeout: 20_000 }, async () => {
    const report = async () => JSON.parse(await ok(['pipecd', 'report', '--json'])).items;
    const stages = async () =>
      (await report()).map(({ piped, stage }: { piped: string; stage: string }) => [piped, stage]);
    await expect.poll(stages, { timeout: 5000 }).toEqual([
      ['old-1', 'old key'],
      ['old-2', 'silent'],
    ]);
    expect(await ok(['piped', 'list'])).toMatch(/old-1 .* by pipecd-key/);
    const { keyFile } = await admin.createKey({ project: 'shop', piped: 'old-1' }, { generate: true });
    expect(await check(await pass(keyFile))).toBe(200);
    expect(await check(`shop,old-1,${KEY}`)).toBe(200);
    await expect.poll(stages, { timeout: 5000 }).toEqual([
      ['old-1', 'moving'],
      ['old-2', 'silent'],
    ]);
    expect(await ok(['pipecd', 'report'])).toMatch(/^PROJECT +PIPED +STATUS +OLD KEY SEEN +OWN KEY SEEN +STAGE\n/);
  });

  it('has its old keys forgotten, which are no good within a second, while its own go on', async () => {
    const { keyFile } = await admin.createKey({ project: 'shop', piped: 'old-1' }, { generate: true });
    await ok(['pipecd', 'forget', '--project', 'shop', '--piped', 'old-1']);
    await expect.poll(() => check(`shop,old-1,${KEY}`), { timeout: 1000, interval: 20 }).toBe(401);
    expect(await check(await pass(keyFile))).toBe(200);
    expect(await ok(['pipecd', 'report'])).not.toContain('old-1');
  });

  it.each([
    ['is not there', undefined, "can't read"],
    ['is no JSON', '{', 'not JSON'],
    ['is no list', '{}', 'not a list'],
    ['holds redacted hashes', JSON.stringify([record('p', { keys: [{ hash: 'redacted' }] })]), 'entry 0: keys.0.hash'],
    ['holds a path for an id', JSON.stringify([record('../p')]), 'entry 0: id'],
    ['names a piped twice', JSON.stringify([record('p'), record('p')]), 'entry 1: the same piped a second time'],
  ])('is not imported from a file that %s', async (_, content, problem) => {
    const path = join(dir, 'bad.json');
    await rm(path, { force: true });
    if (content !== undefined) await writeFile(path, content);
    const { code, out, err } = await cli(['pipecd', 'import', '--file', path]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(problem);
    expect(err.trim().split('\n')).toHaveLength(1);
  });
});
