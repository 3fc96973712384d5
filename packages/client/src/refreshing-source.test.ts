import { describe, expect, it, vi } from 'vitest';
import { ClientError } from './errors.ts';
import { type Minted, type RefreshingOptions, refreshingSource } from './refreshing-source.ts';
import { createClock, expectFailure, NOW_MS } from './testing/fixture.ts';

const LIFE_MS = 300_000;

/** A source whose credentials are `token-1`, `token-2`, …, and live for 300 s of a clock that the test sets. */
function createSource(options: Partial<RefreshingOptions> = {}) {
  const clock = createClock();
  let made = 0;
  const mint = vi.fn<RefreshingOptions['mint']>(async () => minted(`token-${++made}`, clock.ms));
  const source = refreshingSource({ mint, now: clock.now, random: () => 0, ...options });
  return { clock, mint, source };
}

function minted(token: string, issuedAtMs = NOW_MS): Minted {
  return { token, issuedAtMs, expiresAtMs: issuedAtMs + LIFE_MS };
}

/** A `mint` that the test answers by hand, call by call. */
function byHand() {
  const flights: { resolve(value: Minted): void; reject(reason: unknown): void; signal: AbortSignal }[] = [];
  const mint = (signal: AbortSignal) =>
    new Promise<Minted>((resolve, reject) => flights.push({ resolve, reject, signal }));
  return { flights, mint };
}

const settled = () => new Promise(resolve => setImmediate(resolve));

describe('how long a credential is used', () => {
  it('hands the same one out for two thirds of its life', async () => {
    const { clock, mint, source } = createSource();
    expect(source.state()).toEqual({ kind: 'loading' });
    expect(await source.credential()).toBe('token-1');
    expect(source.state()).toEqual({ kind: 'fresh', expiresAtMs: NOW_MS + LIFE_MS });
    clock.ms = NOW_MS + 199_999;
    expect(await source.credential()).toBe('token-1');
    expect(mint).toHaveBeenCalledTimes(1);
  });

  it('makes a new one when a third of its life remains, and hands the old one out meanwhile', async () => {
    const { clock, mint, source } = createSource();
    await source.credential();
    clock.ms = NOW_MS + 200_000;
    expect(source.state()).toEqual({ kind: 'stale', expiresAtMs: NOW_MS + LIFE_MS });
    expect(await source.credential()).toBe('token-1');
    await settled();
    expect(await source.credential()).toBe('token-2');
    expect(source.state()).toEqual({ kind: 'fresh', expiresAtMs: clock.ms + LIFE_MS });
    expect(mint).toHaveBeenCalledTimes(2);
  });

  it.each([
    [0, 200_000],
    [0.5, 185_000],
    [1, 170_000],
  ])('with jitter of %d refreshes after %d ms', async (jitter, dueMs) => {
    const { clock, mint, source } = createSource({ random: () => jitter });
    await source.credential();
    clock.ms = NOW_MS + dueMs - 1;
    await source.credential();
    expect(mint).toHaveBeenCalledTimes(1);
    clock.ms = NOW_MS + dueMs;
    await source.credential();
    expect(mint).toHaveBeenCalledTimes(2);
  });

  it.each([
    ['at the end of its life', LIFE_MS],
    ['after a week of sleep', 7 * 86_400_000],
    ['when the clock was set back by more than a second', -1_001],
    ['when the clock was set back by years', -NOW_MS],
  ])('never hands the old one out %s', async (_, byMs) => {
    const { clock, source } = createSource();
    await source.credential();
    clock.ms = NOW_MS + byMs;
    expect(await source.credential()).toBe('token-2');
  });

  it('takes no notice when the clock is set back by a little', async () => {
    const { clock, source } = createSource();
    await source.credential();
    clock.ms = NOW_MS - 1_000;
    expect(await source.credential()).toBe('token-1');
  });

  it('leaves no timer behind that would keep a process alive or refresh an idle source', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'setImmediate'] });
    try {
      const { source } = createSource();
      await source.credential();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('single flight', () => {
  it('makes one for any number of callers', async () => {
    const { mint, source } = createSource();
    const tokens = await Promise.all(Array.from({ length: 50 }, () => source.credential()));
    expect(new Set(tokens)).toEqual(new Set(['token-1']));
    expect(mint).toHaveBeenCalledTimes(1);
  });

  it('makes one refresh while many use the old one', async () => {
    const { flights, mint } = byHand();
    const { clock, source } = createSource({ mint });
    const first = source.credential();
    flights[0]?.resolve(minted('old'));
    await first;
    clock.ms = NOW_MS + 250_000;
    for (let use = 0; use < 20; use++) expect(await source.credential()).toBe('old');
    expect(flights).toHaveLength(2);
    expect(source.state()).toEqual({ kind: 'refreshing', expiresAtMs: NOW_MS + LIFE_MS });
    flights[1]?.resolve(minted('new', clock.ms));
    await settled();
    expect(await source.credential()).toBe('new');
  });

  it('lets no late answer overwrite a newer one, and uses a late one where there is none', async () => {
    const { flights, mint } = byHand();
    const { source } = createSource({ mint, timeoutMs: 5 });
    const slow = source.credential();
    await expectFailure(slow, 'source_timed_out', /within 5 ms/);
    expect(flights[0]?.signal.aborted).toBe(true);
    flights[0]?.resolve(minted('late'));
    await settled();
    expect(await source.credential()).toBe('late');

    source.invalidate('late');
    await expectFailure(source.credential(), 'source_timed_out', /within 5 ms/);
    const newer = source.credential();
    flights[2]?.resolve(minted('newer'));
    expect(await newer).toBe('newer');
    flights[1]?.resolve(minted('older'));
    await settled();
    expect(await source.credential()).toBe('newer');
  });

  it('lets one caller give up without the others', async () => {
    const { flights, mint } = byHand();
    const { source } = createSource({ mint });
    const caller = new AbortController();
    const [impatient, patient] = [source.credential(caller.signal), source.credential()];
    caller.abort(new Error('too long'));
    await expect(impatient).rejects.toThrow('too long');
    flights[0]?.resolve(minted('token'));
    expect(await patient).toBe('token');
    await expect(source.credential(AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  });
});

describe('invalidate', () => {
  it('makes one refresh for a token, however often it is called', async () => {
    const { mint, source } = createSource();
    const used = await source.credential();
    for (let refusal = 0; refusal < 10; refusal++) source.invalidate(used);
    expect(source.state()).toEqual({ kind: 'loading' });
    const next = await Promise.all([source.credential(), source.credential()]);
    expect(next).toEqual(['token-2', 'token-2']);
    for (let refusal = 0; refusal < 10; refusal++) source.invalidate(used);
    expect(await source.credential()).toBe('token-2');
    expect(mint).toHaveBeenCalledTimes(2);
  });

  it('takes no notice of what it does not hold', async () => {
    const { source } = createSource();
    source.invalidate('nothing yet');
    await source.credential();
    source.invalidate('made up');
    expect(await source.credential()).toBe('token-1');
  });
});

describe('failures', () => {
  it('keeps the old one in use, tries again after a second, and recovers', async () => {
    const { clock, mint, source } = createSource();
    await source.credential();
    clock.ms = NOW_MS + 210_000;
    mint.mockRejectedValueOnce(new Error('down'));
    expect(await source.credential()).toBe('token-1');
    await settled();
    const stale = source.state();
    expect(stale).toEqual({ kind: 'stale', expiresAtMs: NOW_MS + LIFE_MS, error: expect.any(ClientError) });
    clock.ms += 999;
    await source.credential();
    expect(mint).toHaveBeenCalledTimes(2);
    clock.ms += 1;
    await source.credential();
    await settled();
    expect(mint).toHaveBeenCalledTimes(3);
    expect(await source.credential()).toBe('token-2');
    expect(source.state().kind).toBe('fresh');
  });

  it('fails when the old one has ended too, and tries again on the next use', async () => {
    const { clock, mint, source } = createSource();
    await source.credential();
    clock.ms = NOW_MS + LIFE_MS;
    mint.mockRejectedValueOnce(new ClientError('key_expired', 'ended'));
    await expectFailure(source.credential(), 'key_expired', /^ended$/);
    expect(source.state()).toEqual({ kind: 'failed', error: expect.objectContaining({ code: 'key_expired' }) });
    expect(await source.credential()).toBe('token-2');
  });

  it('survives a mint that throws at once', async () => {
    const { mint, source } = createSource();
    mint.mockImplementationOnce(() => {
      throw new Error('at once');
    });
    await expectFailure(source.credential(), 'source_failed', /^the credential source failed$/);
    expect(await source.credential()).toBe('token-1');
  });

  it.each([
    ['an empty token', { token: '' }],
    ['a line break', { token: 'a\r\nx-evil: 1' }],
    ['more than 8 KiB', { token: 'a'.repeat(8_193) }],
    ['no token', { token: undefined }],
    ['a life that is none', { expiresAtMs: NOW_MS }],
    ['times that are none', { issuedAtMs: Number.NaN }],
    ['an end that is none', { expiresAtMs: Number.NaN }],
  ])('refuses %s', async (_, wrong) => {
    const { source } = createSource({ mint: async () => ({ ...minted('token'), ...wrong }) as Minted });
    await expectFailure(source.credential(), 'source_failed', /made something that is no credential/);
  });

  it.each([0, -1, Number.NaN, 600_001])('takes a timeout of %d for a mistake', timeoutMs => {
    expect(() => createSource({ timeoutMs })).toThrow(TypeError);
  });
});

describe('closing', () => {
  it('ends what is under way, and hands nothing out any more', async () => {
    const { flights, mint } = byHand();
    const { source } = createSource({ mint });
    const waiting = source.credential();
    const failure = expectFailure(waiting, 'source_closed', /closed/);
    await source[Symbol.asyncDispose]();
    await failure;
    expect(flights[0]?.signal.aborted).toBe(true);
    flights[0]?.resolve(minted('late'));
    await settled();
    await expectFailure(source.credential(), 'source_closed', /closed/);
    expect(source.state()).toEqual({ kind: 'failed', error: expect.objectContaining({ code: 'source_closed' }) });
  });
});
