import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { enroll, renew } from '@spanpass/client';
import { type KeyRecord, parseKeyFile, parseKeyRecord, verifyCredential } from '@spanpass/credential';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testRoot } from '../engines/root.ts';
import { createAdmin } from '../harness/admin.ts';
import { passFor } from '../harness/passes.ts';
import { spanpassCommand } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { PROJECT, type RegistryWorld, startRegistryWorld, tokens } from './registry-world.ts';

const run = promisify(execFile);
const hook = join(testRoot, 'harness', 'kill-at-step.mjs');

/** Real processes, each killed by SIGKILL in front of another step, until one comes to its end. */
describe('a piped that is killed at any step', () => {
  const stage = new Stage();
  let world: RegistryWorld;
  let folder: string;
  beforeAll(async () => {
    world = await startRegistryWorld(stage);
    folder = await tempDir(stage, 'killed-at-step');
  });
  afterAll(() => stage.dispose());

  const api = async (method: 'GET' | 'POST', path: string, body?: unknown) => {
    const response = await fetch(world.url + path, {
      method,
      headers: { authorization: `Bearer ${tokens.admin}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (await response.json()) as Record<string, unknown>;
  };
  const activeKeys = async (piped: string) => {
    const { items } = await api('GET', `/v1/projects/${PROJECT}/pipeds/${piped}/keys?status=active`);
    return (items as KeyRecord[]).map(({ kid }) => kid);
  };

  /** What the steps were, and whether the process came to its end. */
  async function killed(name: string, killAt: number, args: readonly string[]) {
    const log = join(folder, `${name}.log`);
    const done = await run(process.execPath, ['--import', hook, spanpassCommand, ...args], {
      env: { ...process.env, KILL_AT: String(killAt), KILL_LOG: log },
    }).then(
      () => true,
      error => {
        if (error.signal !== 'SIGKILL') throw error;
        return false;
      },
    );
    const steps = await readFile(log, 'utf8').catch(() => '');
    return { done, steps: steps.split('\n').filter(Boolean) };
  }

  /** The kid of a key file whose credentials are good by what the control plane says of it now. */
  async function works(path: string): Promise<string> {
    const keyFile = await parseKeyFile(JSON.parse(await readFile(path, 'utf8')));
    const record = await parseKeyRecord(await api('GET', `/v1/keys/${keyFile.kid}`));
    expect(record).toMatchObject({ keyStatus: 'active', pipedStatus: 'active' });
    const pass = await passFor(keyFile);
    await verifyCredential(pass, record, { purpose: 'gateway', audience: 'spanpass-gateway' });
    return keyFile.kid;
  }

  const filesOf = async (path: string) => (await readdir(dirname(path))).filter(name => !name.endsWith('.tmp'));

  it('while it enrolls: the same call again enrolls it, with one key', { timeout: 240_000 }, async () => {
    for (let at = 0; ; at++) {
      const piped = `enrolling-${at}`;
      const { enrollmentToken } = await api('POST', `/v1/projects/${PROJECT}/pipeds`, { piped });
      const keyFile = join(await tempDir(stage, piped), 'key.json');
      const args = ['enroll', '--token', String(enrollmentToken), '--key-file', keyFile, '--control-plane', world.url];
      const { done, steps } = await killed(piped, at, args);
      const accepted = await activeKeys(piped);
      if (!done) {
        const { kid } = await enroll({
          controlPlane: world.url,
          enrollmentToken: String(enrollmentToken),
          keyFile,
        }).catch(async error => {
          // Killed behind its last step.
          if (error.code === 'key_file_exists') return { kid: await works(keyFile) };
          throw error;
        });
        if (accepted.length > 0) expect([at, accepted]).toEqual([at, [kid]]);
      }
      expect([at, await activeKeys(piped)]).toEqual([at, [await works(keyFile)]]);
      expect([at, await filesOf(keyFile)]).toEqual([at, ['key.json']]);
      if (!done) continue;
      expect(steps).toHaveLength(at);
      expect(steps.filter(name => name === 'half written')).toHaveLength(2);
      expect(steps).toContain('answered');
      return;
    }
  });

  it('while it renews: its key file works at once, and the next renewal goes on from there', {
    timeout: 240_000,
  }, async () => {
    for (let at = 0; ; at++) {
      const piped = `renewing-${at}`;
      const admin = createAdmin(world.url, tokens.admin, await tempDir(stage, piped));
      const { keyFilePath, keyFile } = await admin.enroll(PROJECT, piped);
      const { done, steps } = await killed(piped, at, ['renew', '--key-file', keyFilePath]);
      const active = await activeKeys(piped);
      expect(active.length).toBeLessThanOrEqual(2);
      expect(active).toContain(await works(keyFilePath));
      const accepted = active.find(kid => kid !== keyFile.kid);
      if (!done) {
        const { kid } = await renew({ keyFile: keyFilePath }).catch(async error => {
          if (error.problemCode === 'too_many_keys') return { kid: await works(keyFilePath) };
          throw error;
        });
        if (accepted !== undefined) expect([at, kid]).toEqual([at, accepted]);
      }
      const kid = await works(keyFilePath);
      expect(kid).not.toBe(keyFile.kid);
      expect([at, (await activeKeys(piped)).sort()]).toEqual([at, [kid, keyFile.kid].sort()]);
      if (!done) continue;
      expect(steps).toHaveLength(at);
      expect(steps).toContain('answered');
      expect(await filesOf(keyFilePath)).toEqual([`${PROJECT}-${piped}.json`]);
      return;
    }
  });
});
