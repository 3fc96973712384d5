import { expect, it, vi } from 'vitest';
import { heldCredential } from './held-credential.ts';
import { refreshingSource } from './refreshing-source.ts';
import { staticSource } from './static-source.ts';
import { createClock, NOW_MS } from './testing/fixture.ts';
import { boundedCredential } from './time-bound.ts';

function createSource() {
  const clock = createClock();
  let made = 0;
  const mint = vi.fn(async () => ({
    token: `token-${++made}`,
    issuedAtMs: clock.ms,
    expiresAtMs: clock.ms + 300_000,
  }));
  const file = { version: 'one' };
  const madeOf = vi.fn(async () => file.version);
  return { clock, mint, madeOf, file, source: refreshingSource({ mint, madeOf, now: clock.now, random: () => 0 }) };
}

it('has nothing before the first was made, nor when it has ended, was refused, or the source was closed', async () => {
  const { clock, source } = createSource();
  expect(heldCredential(source)).toBeUndefined();
  await source.credential();
  expect(heldCredential(source)).toBe('token-1');
  clock.ms = NOW_MS + 300_000;
  expect(heldCredential(source)).toBeUndefined();
  const second = await source.credential();
  source.invalidate(second);
  expect(heldCredential(source)).toBeUndefined();
  await source.credential();
  await source[Symbol.asyncDispose]();
  expect(heldCredential(source)).toBeUndefined();
});

it('has it refreshed when that is due', async () => {
  const { clock, mint, source } = createSource();
  await source.credential();
  clock.ms = NOW_MS + 199_999;
  // A look at what it was made of.
  await source.credential();
  expect(mint).toHaveBeenCalledTimes(1);
  clock.ms = NOW_MS + 200_000;
  expect(heldCredential(source)).toBe('token-1');
  await vi.waitFor(() => expect(heldCredential(source)).toBe('token-2'));
  expect(mint).toHaveBeenCalledTimes(2);
});

it('lets the source look once a second whether what it was made of was replaced', async () => {
  const { clock, madeOf, file, source } = createSource();
  await boundedCredential(source, 1000);
  clock.ms += 999;
  expect(heldCredential(source)).toBe('token-1');
  clock.ms += 1;
  expect(heldCredential(source)).toBeUndefined();
  expect(await boundedCredential(source, 1000)).toBe('token-1');
  expect(madeOf).toHaveBeenCalledTimes(2);
  file.version = 'two';
  clock.ms += 1000;
  expect(await boundedCredential(source, 1000)).toBe('token-2');
});

it('takes no timer for a credential that is at hand', async () => {
  const { source } = createSource();
  await source.credential();
  const timer = vi.spyOn(globalThis, 'setTimeout');
  expect(await boundedCredential(source, 1000)).toBe('token-1');
  expect(timer).not.toHaveBeenCalled();
  timer.mockRestore();
});

it('gives way to another `credential`, in a copy or in the source itself', async () => {
  const source = staticSource('token');
  expect(heldCredential(source)).toBe('token');
  expect(heldCredential({ ...source, credential: async () => 'other' })).toBeUndefined();
  vi.spyOn(source, 'credential').mockResolvedValue('other');
  expect(await boundedCredential(source, 1000)).toBe('other');
});

it('gives nothing to a caller that has given up', async () => {
  const given = boundedCredential(staticSource('token'), 1000, AbortSignal.abort(new Error('never wanted')));
  await expect(given).rejects.toThrow('never wanted');
});
