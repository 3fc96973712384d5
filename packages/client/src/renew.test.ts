import fs from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readKeyFile, readPendingKey, writeKeyFile } from './key-file.ts';
import { type RenewOptions, renew } from './renew.ts';
import { signedSource } from './signed-source.ts';
import { crashAfter } from './testing/crash.ts';
import { createClock, createPiped, expectFailure, NOW_MS, verifyAuthorization } from './testing/fixture.ts';
import { startRenewingPlane } from './testing/renewing-plane.ts';

const OVERLAP_MS = 600_000;

async function setUp() {
  const clock = createClock();
  const plane = await startRenewingPlane(clock.now);
  const { keyFile, file } = await createPiped('edge-1', NOW_MS + 90 * 86_400_000);
  const own = { ...file, controlPlane: plane.url };
  await writeKeyFile(keyFile, own, { overwrite: true });
  plane.add(own);
  const options: RenewOptions = { keyFile, now: clock.now };
  const works = async () => {
    const { kid } = await readKeyFile(keyFile);
    const token = await signedSource({ keyFile, now: clock.now }).credential();
    const record = plane.records.get(kid);
    if (record === undefined) return expect.fail('the key file holds a key that nobody knows');
    await verifyAuthorization(`Bearer ${token}`, record, clock.now);
    return kid;
  };
  const files = async () => (await fs.readdir(dirname(keyFile))).filter(name => !name.endsWith('.tmp'));
  return { clock, plane, keyFile, file: own, options, works, files };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('renew', () => {
  it('replaces the key, keeps the rest, and knows when the new life began', async () => {
    const { clock, plane, keyFile, file, options, works, files } = await setUp();
    const renewed = await renew({ ...options, alg: 'EdDSA' });
    const nowSeconds = clock.ms / 1000;
    expect(renewed).toEqual({
      ...{ v: 1, kid: renewed.kid, alg: 'EdDSA', project: 'shop', piped: 'edge-1', audience: file.audience },
      ...{ controlPlane: plane.url, notAfter: nowSeconds + 90 * 86_400, issuedAt: nowSeconds },
    });
    expect(renewed.kid).not.toBe(file.kid);
    expect(await works()).toBe(renewed.kid);
    expect((await fs.stat(keyFile)).mode & 0o777).toBe(0o600);
    expect(await files()).toEqual(['key.json']);
    expect(plane.signers).toEqual([file.kid]);
  });

  it('has the pending key on disk, for its owner alone, before it asks', async () => {
    const { keyFile, options, file } = await setUp();
    const refusing = vi.fn(async () => {
      expect((await readPendingKey(`${keyFile}.pending`)).kid).not.toBe(file.kid);
      expect((await fs.stat(`${keyFile}.pending`)).mode & 0o777).toBe(0o600);
      throw new Error('down');
    });
    await expectFailure(renew({ ...options, fetch: refusing }), 'control_plane_unreachable', /can't be reached/);
    expect(refusing).toHaveBeenCalledOnce();
    expect((await readKeyFile(keyFile)).kid).toBe(file.kid);
  });

  it.each([0, OVERLAP_MS, 30 * 86_400_000])(
    'goes on with the same key after a lost answer, %i ms later',
    async laterMs => {
      const { clock, plane, keyFile, options, works, files } = await setUp();
      plane.lose = 1;
      await expectFailure(renew(options), 'control_plane_unreachable', /can't be reached/);
      const { kid } = await readPendingKey(`${keyFile}.pending`);
      clock.ms += laterMs;
      expect((await renew(options)).kid).toBe(kid);
      expect(await works()).toBe(kid);
      expect(await files()).toEqual(['key.json']);
    },
  );

  it('makes another key when the pending one is no longer good', async () => {
    const { clock, plane, keyFile, file, options, works } = await setUp();
    plane.lose = 1;
    await renew(options).catch(() => {});
    const { kid } = await readPendingKey(`${keyFile}.pending`);
    const record = plane.records.get(kid);
    if (record) plane.records.set(kid, { ...record, notAfter: 1 });
    const renewed = await renew(options);
    expect([kid, file.kid]).not.toContain(renewed.kid);
    expect(await works()).toBe(renewed.kid);
    clock.ms += OVERLAP_MS;
    expect(await works()).toBe(renewed.kid);
  });

  it('lets many at the same time share one new key', async () => {
    for (let round = 0; round < 5; round++) {
      const { plane, options, works, files, file } = await setUp();
      const renewed = await Promise.all([1, 2, 3, 4].map(() => renew(options)));
      const kid = await works();
      expect(kid).not.toBe(file.kid);
      for (const one of renewed) expect(one.kid).toBe(kid);
      expect(plane.records.size).toBe(2);
      expect(await files()).toEqual(['key.json']);
    }
  });

  it('says why the control plane refuses, keeps the key, and leaves the pending one for later', async () => {
    const { clock, plane, options, works, file, files } = await setUp();
    plane.problem = { status: 403, code: 'piped_disabled' };
    await expectFailure(renew(options), 'control_plane_refused', /refused: piped_disabled \(403\)$/);
    plane.problem = undefined;
    expect(await works()).toBe(file.kid);
    expect(await files()).toEqual(['key.json', 'key.json.pending']);
    clock.ms = file.notAfter * 1000;
    await expectFailure(renew(options), 'control_plane_refused', /renewal_credential_invalid \(401\)/);
  });

  it('takes no other algorithm than the pending key has', async () => {
    const { plane, options } = await setUp();
    plane.lose = 1;
    await renew(options).catch(() => {});
    await expectFailure(renew({ ...options, alg: 'RS256' }), 'pending_key_mismatch', /holds an ES256 key/);
  });
});

describe('a crash at any step of a renewal', () => {
  it.each([0, OVERLAP_MS])(
    'leaves a key that works, and a state that the next one goes on from %i ms later',
    async laterMs => {
      const seen: string[] = [];
      for (let survived = 0; ; survived++) {
        const { clock, plane, options, works, files, file } = await setUp();
        const { calls } = crashAfter(survived);
        const first = await renew(options).catch(() => undefined);
        vi.restoreAllMocks();
        const asked = plane.records.size > 1;
        const kidAfter = await works();
        expect([file.kid, ...plane.active()]).toContain(kidAfter);

        if (first) {
          seen.push(...calls);
          break;
        }
        clock.ms += laterMs;
        // What was accepted before the crash is what is in use after it.
        const accepted = [...plane.records.keys()].at(-1);
        const { kid } = await renew(options).catch(error => {
          // Crashed behind the last step, and the next renewal came too early: nothing is missing.
          if (error.problemCode === 'too_many_keys') return readKeyFile(options.keyFile);
          throw error;
        });
        if (asked && laterMs === 0) expect(kid).toBe(accepted);
        expect(await works()).toBe(kid);
        clock.ms += OVERLAP_MS;
        expect(await works()).toBe(kid);
        expect((await files()).filter(name => name !== 'key.json.pending')).toEqual(['key.json']);
      }
      const read = 'open r';
      const write = ['open wx', 'writeFile', 'sync'];
      expect(seen.filter(call => !/^open \d+$/.test(call))).toEqual([
        ...[...write, 'link', 'rm', read, 'sync'],
        ...[...write, 'rename', read, 'sync'],
        'rm',
      ]);
    },
  );
});
