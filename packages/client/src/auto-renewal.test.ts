import { describe, expect, it, onTestFinished } from 'vitest';
import { createClient, type KeyFileOptions } from './client.ts';
import type { RenewalState } from './contract.ts';
import { readKeyFile, writeKeyFile } from './key-file.ts';
import { renew } from './renew.ts';
import { createClock, createPiped, NOW_MS, verifyAuthorization } from './testing/fixture.ts';
import { startRenewingPlane } from './testing/renewing-plane.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

async function setUp(more: Partial<KeyFileOptions> = {}) {
  const clock = createClock();
  const plane = await startRenewingPlane(clock.now);
  const { keyFile, file } = await createPiped('edge-1', NOW_MS + 90 * DAY_MS);
  const own = { ...file, controlPlane: plane.url, issuedAt: NOW_MS / 1000 };
  await writeKeyFile(keyFile, own, { overwrite: true });
  plane.add(own);
  const states: RenewalState[] = [];
  const waiting: (() => void)[] = [];
  const client = createClient({
    keyFile,
    now: clock.now,
    random: () => 0,
    ...more,
    onRenewal(state) {
      states.push(state);
      for (const wake of waiting.splice(0)) wake();
      throw new Error('a listener that fails');
    },
  });
  onTestFinished(() => client[Symbol.asyncDispose]());
  const until = async (fits: () => boolean) => {
    while (!fits()) await new Promise<void>(resolve => waiting.push(resolve));
  };
  const kinds = () => states.map(({ kind }) => kind);
  const signer = async () => {
    const token = await client.source.credential();
    return JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid as string;
  };
  return { clock, plane, keyFile, file: own, client, states, kinds, until, signer };
}

describe('automatic renewal', () => {
  it('renews at two thirds of the life, once for many callers, and signs with the new key from then on', async () => {
    const { clock, plane, keyFile, file, client, kinds, until, signer } = await setUp();
    for (const day of [0, 30, 59.9]) {
      clock.ms = NOW_MS + day * DAY_MS;
      expect(await signer()).toBe(file.kid);
    }
    expect([kinds(), plane.signers, client.source.state().renewal]).toEqual([[], [], { kind: 'waiting' }]);

    clock.ms = NOW_MS + 60 * DAY_MS;
    let open = () => {};
    plane.gate = new Promise<void>(resolve => {
      open = resolve;
    });
    // No credential waits for the renewal: the control plane has not answered yet.
    expect(new Set(await Promise.all(Array.from({ length: 20 }, signer)))).toEqual(new Set([file.kid]));
    await until(() => kinds().includes('renewing'));
    expect(client.source.state()).toMatchObject({ kind: 'fresh', renewal: { kind: 'renewing' } });
    open();
    await until(() => kinds().includes('renewed'));
    const { kid, notAfter } = await readKeyFile(keyFile);
    expect(client.source.state().renewal).toEqual({ kind: 'renewed', kid, notAfter });
    expect(await signer()).toBe(kid);
    expect(plane.signers).toEqual([file.kid]);

    const record = plane.records.get(kid);
    if (record) await verifyAuthorization(`Bearer ${await client.source.credential()}`, record, clock.now);
    clock.ms += 60 * DAY_MS;
    await signer();
    await until(() => kinds().filter(kind => kind === 'renewed').length === 2);
    expect(plane.signers).toEqual([file.kid, kid]);
  });

  it('tries again with growing pauses when it fails, and signs on', async () => {
    const { clock, plane, file, client, states, kinds, until, signer } = await setUp();
    plane.problem = { status: 503, code: 'unavailable' };
    clock.ms = NOW_MS + 61 * DAY_MS;
    const pauses: number[] = [];
    for (let failed = 1; failed <= 9; failed++) {
      expect(await signer()).toBe(file.kid);
      await until(() => kinds().filter(kind => kind === 'failed').length === failed);
      const state = states.at(-1);
      if (state?.kind !== 'failed') return expect.fail('it did not fail');
      expect(state.error.message).toMatch(/refused: unavailable \(503\)$/);
      pauses.push(state.retryAtMs - clock.ms);
      clock.ms = state.retryAtMs - 1;
      await signer();
      expect(client.source.state().renewal).toEqual(state);
      clock.ms = state.retryAtMs;
    }
    expect(pauses.map(ms => ms / 1000)).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
    plane.problem = undefined;
    await signer();
    await until(() => kinds().includes('renewed'));
    expect(await signer()).not.toBe(file.kid);
  });

  it('takes up at once what an earlier process left pending, also after the overlap', async () => {
    const { clock, plane, keyFile, file, kinds, until, signer } = await setUp();
    plane.lose = 1;
    await renew({ keyFile, now: clock.now }).catch(() => {});
    clock.ms += DAY_MS;
    await signer();
    await until(() => kinds().includes('renewed'));
    const kid = await signer();
    expect(kid).not.toBe(file.kid);
    expect(plane.active()).toEqual([kid]);
  });

  it('takes up a key that another process renewed, before the overlap ends', async () => {
    const { clock, keyFile, file, plane, signer, client } = await setUp({ lifetimeSeconds: 900 });
    expect(await signer()).toBe(file.kid);
    const { kid } = await renew({ keyFile, now: clock.now });
    clock.ms += MINUTE_MS;
    await client.source.credential();
    await expect.poll(signer).toBe(kid);
    expect(plane.signers).toHaveLength(1);
  });

  it('takes a life of 90 days for granted where the key file does not say', async () => {
    const { clock, keyFile, file, kinds, until, signer } = await setUp();
    const { issuedAt: _, ...older } = file;
    await writeKeyFile(keyFile, older, { overwrite: true });
    clock.ms = NOW_MS + 60 * DAY_MS;
    await signer();
    await until(() => kinds().includes('renewed'));
  });

  it('waits a little longer by chance', async () => {
    const { clock, client, signer } = await setUp({ random: () => 0.999 });
    clock.ms = NOW_MS + 64 * DAY_MS;
    await signer();
    expect(client.source.state().renewal).toEqual({ kind: 'waiting' });
  });

  it('can be switched off, and is not for a key file that is no file', async () => {
    const { clock, plane, file, client, signer } = await setUp({ renewal: false });
    clock.ms = NOW_MS + 80 * DAY_MS;
    expect(await signer()).toBe(file.kid);
    expect([plane.signers, client.source.state()]).toEqual([[], expect.not.objectContaining({ renewal: {} })]);
    expect(() => createClient({ keyFile: file, renewal: 'auto' })).toThrow('only a key file that is given by its path');
    expect(() => createClient({ keyFile: 'x', renewal: 'on' as 'auto' })).toThrow("renewal must be 'auto' or false");
  });
});
