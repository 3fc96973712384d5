import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { startPostgres } from './postgres.ts';
import { isAlive, startProcess } from './process.ts';
import { Stage } from './stage.ts';

let stage: Stage;
beforeEach(() => {
  stage = new Stage();
});
afterEach(() => stage.dispose());

function node(script: string, ready: () => boolean, readyWithinMs = 5_000) {
  const options = { name: 'a program', command: process.execPath, args: ['-e', script] };
  return startProcess(stage, { ...options, ready, readyWithinMs });
}

describe('a process on the stage', () => {
  it('ends with it', async () => {
    const program = await node('setInterval(() => {}, 1000)', () => true);
    expect(isAlive(program.pid)).toBe(true);
    await stage.dispose();
    expect(program.hasExited()).toBe(true);
    expect(isAlive(program.pid)).toBe(false);
  });

  it('shows what it said when it ends before it is ready', async () => {
    await expect(node('console.error("no such file"); process.exit(3)', () => false)).rejects.toThrow(
      /a program did not start, it ended with exit code 3; its output:\nno such file/,
    );
  });

  it('shows what it said when it is not ready in time, and is gone then', async () => {
    const late = node('console.log(process.pid); setInterval(() => {}, 1000)', () => false, 500);
    const message = await late.then(
      () => '',
      (error: Error) => error.message,
    );
    expect(message).toMatch(/^a program ready: not within 500 ms; its output:\n\d+/);
    expect(isAlive(Number(message.split('\n')[1]))).toBe(false);
  });

  it('that is no program is said to be none', async () => {
    const options = { name: 'nothing', command: '/no/such/program', args: [], ready: () => true };
    await expect(startProcess(stage, options)).rejects.toThrow("nothing can't be started: Error: spawn");
  });
});

describe('the teardown', () => {
  it('goes on when a step of it fails, in reverse order', async () => {
    const undone: string[] = [];
    const failing = new Stage();
    failing.defer(() => void undone.push('first'));
    failing.defer(() => {
      throw new Error('second can not be undone');
    });
    failing.defer(() => void undone.push('third'));
    await expect(failing.dispose()).rejects.toThrow('second can not be undone');
    expect(undone).toEqual(['third', 'first']);
  });
});

await describeWithEngine(['postgres'], 'a PostgreSQL of our own', ({ postgres }) => {
  it('takes connections, and leaves nothing', async () => {
    const { process: server, url } = await startPostgres(stage, postgres);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query('select version()');
    await client.end();
    expect(rows[0].version).toContain(`PostgreSQL ${postgres.version}`);
    await stage.dispose();
    expect(isAlive(server.pid)).toBe(false);
    expect((await readdir(tmpdir())).filter(name => name.startsWith('spanpass-postgres-'))).toEqual([]);
  });
});
