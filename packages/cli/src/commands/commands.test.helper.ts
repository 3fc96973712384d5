import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { type FakeControlPlane, startFakeControlPlane } from '../admin/control-plane.test.helper.ts';
import { run } from '../program.ts';

export let dir: string;
export let controlPlane: FakeControlPlane;
beforeAll(async () => {
  controlPlane = await startFakeControlPlane();
});
afterAll(() => controlPlane[Symbol.asyncDispose]());
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spanpass-commands-'));
  await writeFile(join(dir, 'admin-token'), `${controlPlane.adminToken}\n`, { mode: 0o600 });
});
afterEach(() => rm(dir, { recursive: true }));

export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function cli(
  args: string[],
  { stdin = '', env = {} }: { stdin?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Result> {
  const output = { stdout: '', stderr: '' };
  const capture = (name: 'stdout' | 'stderr') =>
    new PassThrough().on('data', chunk => {
      output[name] += chunk;
    });
  const defaults = { SPANPASS_CONTROL_PLANE: controlPlane.url, SPANPASS_DATA_DIR: dir };
  const code = await run(args, {
    stdin: Readable.from([stdin]),
    stdout: capture('stdout'),
    stderr: capture('stderr'),
    env: { ...defaults, ...env },
    stop: new AbortController().signal,
  });
  return { code, out: output.stdout, err: output.stderr };
}

export async function ok(args: string[], options?: Parameters<typeof cli>[1]): Promise<string> {
  const { code, out, err } = await cli(args, options);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out;
}

export const of = (piped: string) => ['--project', 'shop', '--piped', piped];

/** Registers and enrolls, and returns the path of the key file. */
export async function enrolled(piped: string): Promise<string> {
  const { enrollmentToken } = JSON.parse(await ok(['piped', 'register', ...of(piped), '--json']));
  const keyFile = join(dir, `${piped}.json`);
  await ok(['enroll', '--token', enrollmentToken, '--key-file', keyFile]);
  return keyFile;
}
