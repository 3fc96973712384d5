import fs from 'node:fs/promises';
import { parseCredential } from '@spanpass/credential';
import { describe, expect, it, vi } from 'vitest';
import { writeKeyFile } from './key-file.ts';
import { signedSource } from './signed-source.ts';
import { createClock, createPiped, expectFailure, NOW_MS, secretsOf, verifyAuthorization } from './testing/fixture.ts';

describe('signedSource', () => {
  it('signs a credential that verifies against the key record', async () => {
    const { keyFile, record } = await createPiped();
    const { now } = createClock();
    const token = await signedSource({ keyFile, now }).credential();
    await verifyAuthorization(`Bearer ${token}`, record, now);
    const { unverifiedClaims } = parseCredential(token);
    expect(unverifiedClaims).toMatchObject({ iat: NOW_MS / 1000, exp: NOW_MS / 1000 + 300, aud: 'spanpass-gateway' });
  });

  it('takes a life of its own, and the content of a key file', async () => {
    const { file } = await createPiped();
    const clock = createClock();
    const source = signedSource({ keyFile: file, lifetimeSeconds: 60, now: clock.now, random: () => 0 });
    const first = await source.credential();
    expect(parseCredential(first).unverifiedClaims).toMatchObject({ exp: NOW_MS / 1000 + 60 });
    clock.ms += 60_000;
    expect(await source.credential()).not.toBe(first);
  });

  it('has an end that is never later than what is signed, also between two seconds', async () => {
    const { keyFile } = await createPiped();
    const source = signedSource({ keyFile, now: createClock(NOW_MS + 999).now });
    await source.credential();
    expect(source.state()).toMatchObject({ expiresAtMs: NOW_MS + 300_000 });
  });

  it('is good at each moment of a day, whatever the clock does', async () => {
    const { keyFile, record } = await createPiped();
    const clock = createClock();
    const source = signedSource({ keyFile, now: clock.now });
    const jumpsMs = [0, 1, 100_000, 180_000, 15_000, 299_000, 301_000, 3_600_000, -3_600_000, -59_000, 86_400_000, -1];
    for (const jumpMs of jumpsMs) {
      clock.ms += jumpMs;
      await verifyAuthorization(`Bearer ${await source.credential()}`, record, clock.now);
    }
  });

  async function replaced() {
    const { keyFile, file } = await createPiped('edge-1');
    const renewed = await createPiped('edge-1');
    const clock = createClock();
    const source = signedSource({ keyFile, now: clock.now });
    const old = await source.credential();
    await writeKeyFile(keyFile, renewed.file, { overwrite: true });
    return { keyFile, file, renewed, clock, source, old };
  }

  it('takes a renewed key up with the next credential', async () => {
    const { source, old, renewed, clock } = await replaced();
    source.invalidate(old);
    await verifyAuthorization(`Bearer ${await source.credential()}`, renewed.record, clock.now);
  });

  it('takes a renewed key up within a second by itself: the old one may be revoked by now', async () => {
    const { source, old, renewed, clock } = await replaced();
    clock.ms += 999;
    expect(await source.credential()).toBe(old);
    clock.ms += 1;
    const next = await source.credential();
    await verifyAuthorization(`Bearer ${next}`, renewed.record, clock.now);
    clock.ms += 1000;
    expect(await source.credential()).toBe(next);
  });

  it('uses what it has while what replaced its key file is no key file, or is gone', async () => {
    const { keyFile, source, old, clock, renewed } = await replaced();
    await fs.writeFile(keyFile, 'half');
    clock.ms += 1000;
    expect(await source.credential()).toBe(old);
    await fs.rm(keyFile);
    clock.ms += 1000;
    expect(await source.credential()).toBe(old);
    await writeKeyFile(keyFile, renewed.file);
    clock.ms += 1000;
    await verifyAuthorization(`Bearer ${await source.credential()}`, renewed.record, clock.now);
  });

  it('waits on no disk that does not answer for what it has', async () => {
    const { source, old, clock } = await replaced();
    clock.ms += 1000;
    const stat = vi.spyOn(fs, 'stat').mockReturnValue(new Promise(() => {}) as never);
    expect(await source.credential()).toBe(old);
    expect(stat).toHaveBeenCalledOnce();
    stat.mockRestore();
  });

  it('fails with the code of the key file, and recovers without a restart', async () => {
    const piped = await createPiped();
    const { keyFile } = piped;
    const source = signedSource({ keyFile, now: createClock().now });
    await fs.chmod(keyFile, 0o644);
    await expectFailure(source.credential(), 'key_file_exposed', /chmod 600/, secretsOf(piped));
    expect(source.state().kind).toBe('failed');
    await fs.chmod(keyFile, 0o600);
    await source.credential();
    expect(source.state().kind).toBe('fresh');
  });

  it('signs nothing with a key that has ended', async () => {
    const { keyFile } = await createPiped('edge-1', NOW_MS + 1_000);
    const clock = createClock();
    const source = signedSource({ keyFile, now: clock.now });
    await source.credential();
    clock.ms = NOW_MS + 300_000;
    await expectFailure(source.credential(), 'key_expired', /the key of edge-1 has ended: enroll again/);
    clock.ms = Number.NaN;
    await expectFailure(source.credential(), 'key_expired', /check this clock/);
  });

  it('gives up on a disk that does not answer', async () => {
    const { keyFile } = await createPiped();
    const open = vi.spyOn(fs, 'open').mockReturnValue(new Promise(() => {}));
    try {
      const source = signedSource({ keyFile, timeoutMs: 5 });
      await expectFailure(source.credential(), 'source_timed_out', /within 5 ms/);
    } finally {
      open.mockRestore();
    }
  });

  it.each([
    { lifetimeSeconds: 0 },
    { lifetimeSeconds: 901 },
    { lifetimeSeconds: 1.5 },
    { lifetimeSeconds: Number.NaN },
    { keyFile: '' },
    { timeoutMs: -1 },
  ])('takes %j for a mistake', wrong => {
    expect(() => signedSource({ keyFile: 'key.json', ...wrong })).toThrow(TypeError);
  });
});
