import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { ControlPlaneClient } from '@spanpass/control-plane/client';
import type { KeyFile } from '@spanpass/credential';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { run } from '../engines/run.ts';
import { passFor } from '../harness/passes.ts';
import { freePorts } from '../harness/ports.ts';
import { startPostgres } from '../harness/postgres.ts';
import { type RunningProcess, startProcess } from '../harness/process.ts';
import { spanpassCommand as bin } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';

const ADMIN = 'admin-token-of-the-story-0123456789';
const AUTH_SERVER = 'auth-server-token-of-the-story-0123456789';
const PIPED = { project: 'shop', piped: 'edge-1' };

await describeWithEngine(['postgres'], 'an operator keeps a control plane', engines => {
  const stage = new Stage();
  const tool = (name: string) => join(engines.postgres.path, name);
  let folder: string;
  let dataDir: string;
  let database: string;
  let ports: Awaited<ReturnType<typeof freePorts>>;
  let plane: RunningProcess;
  let kept: KeyFile;
  let thief: KeyFile;

  const url = () => `http://127.0.0.1:${ports.plane}`;
  const admin = () => new ControlPlaneClient({ url: url(), token: ADMIN });
  const env = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
    SPANPASS_CONTROL_PLANE: url(),
    SPANPASS_DATA_DIR: dataDir,
    SPANPASS_ADMIN_TOKEN: ADMIN,
    SPANPASS_AUTH_SERVER_TOKEN: AUTH_SERVER,
    ...more,
  });
  const spanpass = (args: string[], more?: NodeJS.ProcessEnv) =>
    run(process.execPath, [bin, ...args], { cwd: folder, env: env(more), timeoutMs: 60_000 });
  const startPlane = async (more: NodeJS.ProcessEnv = {}) => {
    plane = await startProcess(stage, {
      name: 'control-plane',
      command: process.execPath,
      args: [bin, 'control-plane'],
      env: env({ SPANPASS_PORT: String(ports.plane), ...more }),
      ready: async () => (await fetch(`${url()}/readyz`)).ok,
    });
  };
  const served = async () => ({
    SPANPASS_DATABASE_URL: database,
    SPANPASS_ENCRYPTION_KEY: (await readFile(join(dataDir, 'encryption-key'), 'utf8')).trim(),
  });
  const check = async (key: KeyFile) => {
    const authorization = `Bearer ${await passFor(key)}`;
    const headers = { 'x-original-method': 'POST', 'x-original-uri': '/v1/traces', authorization };
    return (await fetch(`http://127.0.0.1:${ports.http}/nginx`, { headers })).status;
  };
  const verify = () => spanpass(['audit', 'verify', '--json']);

  beforeAll(async () => {
    folder = await tempDir(stage, 'operator');
    dataDir = join(folder, '.spanpass');
    ports = await freePorts('plane', 'grpc', 'http', 'metrics');
    database = (await startPostgres(stage, engines.postgres)).url;
    await startPlane();
    await admin().registerPiped(PIPED);
    kept = (await admin().createKey(PIPED, { generate: true })).keyFile;
    thief = (await admin().createKey(PIPED, { generate: true })).keyFile;
    await startProcess(stage, {
      name: 'auth-server',
      command: process.execPath,
      args: [bin, 'server'],
      env: env({
        SPANPASS_GRPC_PORT: String(ports.grpc),
        SPANPASS_HTTP_PORT: String(ports.http),
        SPANPASS_METRICS_PORT: String(ports.metrics),
        SPANPASS_AUDIT_HEAD_FILE: join(folder, 'audit.heads'),
      }),
      ready: async () => (await fetch(`http://127.0.0.1:${ports.metrics}/readyz`)).ok,
    });
  }, 120_000);
  afterAll(() => stage.dispose());

  it('whose stopped copy is a backup', { timeout: 120_000 }, async () => {
    expect(await check(kept)).toBe(200);
    await plane.stop();
    await cp(dataDir, join(folder, 'backup'), { recursive: true });
    await rm(dataDir, { recursive: true });
    await cp(join(folder, 'backup'), dataDir, { recursive: true });
    await startPlane();
    expect(JSON.parse(await verify())).toMatchObject({ intact: true });
    expect((await admin().getKey(kept.kid)).keyStatus).toBe('active');
    await plane.stop();
  });

  it('and moves it to PostgreSQL with one command', { timeout: 120_000 }, async () => {
    const moved = JSON.parse(
      await spanpass(['control-plane', 'move', '--from', dataDir, '--json'], { SPANPASS_DATABASE_URL: database }),
    );
    expect(moved.tables.find(({ table }: { table: string }) => table === 'keys')).toEqual({ table: 'keys', rows: 2 });
    await startPlane(await served());
    expect(JSON.parse(await verify())).toMatchObject({ intact: true });
    await waitFor('the auth server to go on', async () => (await check(kept)) === 200 || undefined, 10_000);
    expect(await check(thief)).toBe(200);
  });

  it('and restores a dump of it, in which a stolen key is good, without the thief ever passing', {
    timeout: 180_000,
  }, async () => {
    const dump = join(folder, 'dump');
    await run(tool('pg_dump'), ['--format=custom', `--file=${dump}`, database]);
    await admin().revokeKey(thief.kid, { force: true });
    await waitFor('the revocation', async () => (await check(thief)) === 401 || undefined, 2000);
    const exported = join(folder, 'audit.jsonl');
    await run('sh', ['-c', `"$0" "$1" audit export > "$2"`, process.execPath, bin, exported], { env: env() });
    await plane.stop();

    const client = new pg.Client({ connectionString: database });
    await client.connect();
    await client.query('create database restored');
    await client.end();
    const restored = new URL(database);
    restored.pathname = '/restored';
    database = restored.href;
    await run(tool('pg_restore'), [`--dbname=${database}`, '--exit-on-error', dump]);
    const settled = JSON.parse(
      await spanpass(['control-plane', 'restored', '--json', '--audit', exported], { SPANPASS_DATABASE_URL: database }),
    );
    expect(settled.takenAway).toMatchObject([{ action: 'key.revoked', target: { kid: thief.kid } }]);

    let passed = false;
    const watch = setInterval(() => void check(thief).then(status => (passed ||= status === 200)), 50);
    try {
      await startPlane(await served());
      await waitFor('the auth server to start over', async () => (await check(kept)) === 200 || undefined, 15_000);
      expect(JSON.parse(await verify())).toMatchObject({ intact: true });
      expect((await admin().getKey(thief.kid)).keyStatus).toBe('revoked');
      expect(await check(thief)).toBe(401);
    } finally {
      clearInterval(watch);
    }
    expect(passed).toBe(false);
    await expect(readFile(join(folder, 'audit.heads'), 'utf8')).resolves.toMatch(/^(\S+\n)+$/);
    const triggers = new pg.Client({ connectionString: database });
    await triggers.connect();
    await expect(triggers.query('delete from audit')).rejects.toThrow('never changed or removed');
    await triggers.end();
  });
});
