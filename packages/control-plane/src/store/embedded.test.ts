import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startControlPlane } from '../start.ts';
import { temporaryFolder } from '../testing/databases.test.support.ts';
import type { Json } from '../testing/plane.test.support.ts';

const logger = pino({ level: 'silent' });

/** A process of its own that registers pipeds as fast as it can, and says which were acknowledged. */
const WRITER = `
  import { startControlPlane } from '@spanpass/control-plane';
  const plane = await startControlPlane({ dataDir: process.argv[1], port: 0, env: {} });
  const headers = { authorization: 'Bearer ' + plane.adminToken, 'content-type': 'application/json' };
  for (let n = 0; ; n++) {
    const body = JSON.stringify({ piped: 'piped-' + n });
    const answer = await fetch(plane.url + '/v1/projects/shop/pipeds', { method: 'POST', headers, body });
    if (answer.status === 201) console.log('piped-' + n);
  }
`;

describe('the embedded database', () => {
  let temporary: Awaited<ReturnType<typeof temporaryFolder>>;
  let dataDir: string;

  beforeEach(async () => {
    temporary = await temporaryFolder();
    dataDir = join(temporary.path, 'data');
  });
  afterEach(() => temporary[Symbol.asyncDispose]());

  it('has every write that it acknowledged, after kill -9 in mid-write', async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < 2; round++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, dataDir], {
        cwd: import.meta.dirname,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const exited = once(child, 'exit');
      const wanted = acknowledged.length + 40;
      for await (const line of createInterface({ input: child.stdout })) {
        acknowledged.push(line);
        if (acknowledged.length === wanted) child.kill('SIGKILL');
      }
      expect((await exited)[1]).toBe('SIGKILL');
    }
    await using plane = await startControlPlane({ dataDir, port: 0, logger, env: {} });
    const headers = { authorization: `Bearer ${plane.adminToken}` };
    const read = async (path: string): Promise<Json> => (await fetch(plane.url + path, { headers })).json();
    const { items } = await read('/v1/pipeds');
    const listed = items.map(({ piped }: { piped: string }) => piped);
    expect(acknowledged.length).toBeGreaterThanOrEqual(80);
    expect(acknowledged.filter(piped => !listed.includes(piped))).toEqual([]);
    const audit = (await read('/v1/audit')).items.map(({ seq }: { seq: number }) => seq);
    expect(audit).toEqual(audit.map((_: number, at: number) => at + 1));
  }, 120_000);

  it('is made anew when it was not made to its end', async () => {
    await mkdir(join(dataDir, 'db'), { recursive: true });
    await writeFile(join(dataDir, 'db', 'PG_VERSION'), '18\n');
    await writeFile(join(dataDir, 'db.unfinished'), '');
    await using plane = await startControlPlane({ dataDir, port: 0, logger, env: {} });
    expect(await plane.ready()).toBe(true);
    expect(await readdir(dataDir)).not.toContain('db.unfinished');
  });
});

const small = spawnSync('sh', [
  '-c',
  'd=$(mktemp -d) && mount -t tmpfs -o size=64k tmpfs "$d" && umount "$d" && rmdir "$d"',
]);

describe.runIf(small.status === 0)('a full disk', () => {
  it('is named as such, and nothing of the failed start is in the way of the next', async () => {
    await using temporary = await temporaryFolder();
    const mount = (...args: string[]) => spawnSync('mount', ['-t', 'tmpfs', ...args, 'tmpfs', temporary.path]);
    mount('-o', 'size=2m');
    try {
      const options = { dataDir: join(temporary.path, 'data'), port: 0, logger, env: {} };
      await expect(startControlPlane(options)).rejects.toMatchObject({
        code: 'disk_full',
        message: `no space is left to write ${join(options.dataDir, 'db')}: free some, then start again`,
      });
      mount('-o', 'remount,size=200m');
      await using plane = await startControlPlane(options);
      expect(await plane.ready()).toBe(true);
    } finally {
      spawnSync('umount', ['-l', temporary.path]);
    }
  });
});
