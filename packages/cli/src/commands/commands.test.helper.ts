import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { type FakeControlPlane, startFakeControlPlane } from '../admin/control-plane.test.helper.ts';
import { outputOf, type Result, runCommand } from './run-command.test.support.ts';

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

export function cli(
  args: string[],
  { stdin = '', env = {} }: { stdin?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Result> {
  const defaults = { SPANPASS_CONTROL_PLANE: controlPlane.url, SPANPASS_DATA_DIR: dir };
  return runCommand(args, { stdin, env: { ...defaults, ...env } });
}

export async function ok(args: string[], options?: Parameters<typeof cli>[1]): Promise<string> {
  return outputOf(await cli(args, options));
}

export const of = (piped: string) => ['--project', 'shop', '--piped', piped];

/** Registers and enrolls, and returns the path of the key file. */
export async function enrolled(piped: string): Promise<string> {
  const { enrollmentToken } = JSON.parse(await ok(['piped', 'register', ...of(piped), '--json']));
  const keyFile = join(dir, `${piped}.json`);
  await ok(['enroll', '--token', enrollmentToken, '--key-file', keyFile]);
  return keyFile;
}
