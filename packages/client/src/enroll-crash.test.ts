import fs from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type EnrollOptions, enroll } from './enroll.ts';
import { readKeyFile } from './key-file.ts';
import { ENROLLMENT_TOKEN, startControlPlane } from './testing/control-plane.ts';
import { crashAfter } from './testing/crash.ts';
import { expectFailure, expectNoSecret, NOW_MS, temporaryDirectory } from './testing/fixture.ts';

async function createOptions(controlPlane: string): Promise<EnrollOptions> {
  const keyFile = join(await temporaryDirectory(), 'key.json');
  return { controlPlane, enrollmentToken: ENROLLMENT_TOKEN, keyFile, now: () => NOW_MS };
}

afterEach(() => {
  vi.restoreAllMocks();
});

it('asks nobody when the disk is full, and leaves nothing behind', async () => {
  const controlPlane = await startControlPlane();
  const options = await createOptions(controlPlane.url);
  const open = fs.open;
  vi.spyOn(fs, 'open').mockImplementation(async (...args) => {
    const handle = await open(...args);
    if (args[1] === 'wx') handle.writeFile = () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOSPC' }));
    return handle;
  });
  await expectFailure(enroll(options), 'key_file_write_failed', /key\.json\.pending: the disk is full \(ENOSPC\)$/);
  expect(controlPlane.asked).toEqual([]);
  expect(await fs.readdir(join(options.keyFile, '..'))).toEqual([]);
});

describe('a crash at any step', () => {
  it('leaves a state from which the next enrollment succeeds with the same key', async () => {
    const seen: string[] = [];
    for (let survived = 0; ; survived++) {
      const controlPlane = await startControlPlane();
      const options = await createOptions(controlPlane.url);
      const { calls } = crashAfter(survived);
      const first = await enroll(options).then(
        enrolled => enrolled,
        (error: { message: string }) => error,
      );
      vi.restoreAllMocks();
      const asked = controlPlane.asked.length;
      if ('kid' in first) {
        seen.push(...calls);
        break;
      }
      expectNoSecret(first, [ENROLLMENT_TOKEN]);
      if (await fs.stat(options.keyFile).catch(() => undefined)) await readKeyFile(options.keyFile);

      const { kid } = await enroll(options);
      expect((await readKeyFile(options.keyFile)).kid).toBe(kid);
      expect(controlPlane.record()?.kid).toBe(kid);
      expect(new Set(controlPlane.asked)).toEqual(new Set([kid]));
      const names = await fs.readdir(join(options.keyFile, '..'));
      expect(names.filter(name => !name.endsWith('.tmp'))).toEqual(['key.json']);
      expect(asked).toBeLessThanOrEqual(1);
    }
    // The pending key, the key file, and the removal of the first: each on disk before the next step.
    const write = ['open wx', 'writeFile', 'sync', 'link', 'rm', 'open r', 'sync'];
    expect(seen).toEqual([...write, ...write, 'rm']);
  });

  it('is over once the pending key is gone: the same call again says that it is done', async () => {
    const controlPlane = await startControlPlane();
    const options = await createOptions(controlPlane.url);
    await enroll(options);
    await expectFailure(
      enroll(options),
      'key_file_exists',
      /holds the key of edge-1 in shop already .* move it away to enroll another key$/,
    );
  });

  it('goes on from a key file that an earlier call has written, without asking', async () => {
    const controlPlane = await startControlPlane();
    const options = await createOptions(controlPlane.url);
    vi.spyOn(fs, 'rm').mockImplementation(async path => {
      if (String(path).endsWith('.pending')) throw Object.assign(new Error('x'), { code: 'EACCES' });
    });
    await expectFailure(enroll(options), 'key_file_write_failed', /^cannot remove .*key\.json\.pending: EACCES$/);
    vi.restoreAllMocks();
    expect(await enroll(options)).toMatchObject({ project: 'shop', piped: 'edge-1' });
    expect(controlPlane.asked).toHaveLength(1);
    const names = await fs.readdir(join(options.keyFile, '..'));
    expect(names).not.toContain('key.json.pending');
  });
});
