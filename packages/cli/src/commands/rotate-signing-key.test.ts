import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ControlPlane, startControlPlane } from '@spanpass/control-plane';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from './run-command.test.support.ts';

describe('spanpass control-plane rotate-signing-key', () => {
  let dir: string;
  let plane: ControlPlane;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'spanpass-rotate-'));
    plane = await startControlPlane({ dataDir: dir, port: 0, env: {}, logger: pino({ level: 'silent' }) });
  }, 60_000);
  afterAll(async () => {
    await plane.close();
    await rm(dir, { recursive: true });
  });

  async function rotate(...args: string[]) {
    const env = { SPANPASS_CONTROL_PLANE: plane.url, SPANPASS_DATA_DIR: dir };
    return runCommand(['control-plane', 'rotate-signing-key', ...args], { env });
  }
  const shown = async () => {
    const { keys } = (await (await fetch(`${plane.url}/oauth2/jwks`)).json()) as { keys: { kid: string }[] };
    return keys.map(({ kid }) => kid);
  };

  it('shows the next key for ten minutes, or as long as it is told', async () => {
    const [first] = await shown();
    const { code, out } = await rotate();
    const [, second] = await shown();
    expect({ code, out }).toEqual({ code: 0, out: `The key ${second} signs access tokens in 600 s.\n` });
    const json = JSON.parse((await rotate('--in', '60', '--json')).out);
    expect(json).toMatchObject({ signsInSeconds: 60 });
    expect(json.keys).toHaveLength(3);
    expect(json.keys[0].kid).toBe(first);
  });

  it('withdraws the others after a theft', async () => {
    const { code, out } = await rotate('--withdraw-others');
    const keys = await shown();
    expect(keys).toHaveLength(1);
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining(`The key ${keys[0]} signs`) });
    expect(out).toContain('All others are withdrawn');
  });

  it('takes no time that is none, nor one for a theft', async () => {
    expect(await rotate('--in', 'soon')).toMatchObject({ code: 2, err: expect.stringContaining('whole number') });
    expect(await rotate('--in', '5', '--withdraw-others')).toMatchObject({ code: 2 });
  });
});
