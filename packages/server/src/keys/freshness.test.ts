import type { KeyRecord } from '@spanpass/credential';
import { describe, expect, it, vi } from 'vitest';
import { codeOf, createPiped, deferred } from '../fixture.test.support.ts';
import { createLiveKeys, one, other, until } from './live-keys.test.support.ts';

const statusOf = (record: KeyRecord | undefined) => record?.keyStatus;

describe('a lost feed', () => {
  it('still serves what is at hand, for maxStaleMs, and then nothing: 503, not 401', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { controlPlane, keys, get, clock } = await createLiveKeys({ maxStaleMs: 60_000 });
    /** Lets time pass in steps that are no stall. */
    const pass = (ms: number) => {
      for (let passed = 0; passed < ms; passed += 500) {
        clock.advance(500);
        vi.advanceTimersByTime(100);
      }
    };
    const record = await get(one.kid);
    await controlPlane[Symbol.asyncDispose]();
    await until(() => keys.freshness === 'aging');
    expect([keys.peek(one.kid), keys.isReady]).toEqual([record, true]);
    expect(await codeOf(() => get(other.kid))).toBe('key_source_unavailable');
    pass(60_000);
    expect(keys.peek(one.kid)).toBe(record);
    pass(500);
    expect([keys.freshness, keys.peek(one.kid), keys.isReady]).toEqual(['stale', undefined, false]);
    expect(await codeOf(() => get(one.kid))).toBe('key_source_unavailable');
    const { kid } = await createPiped();
    expect(await codeOf(() => get(kid))).toBe('key_source_unavailable');
  });

  it('catches up from where it was', async () => {
    const { controlPlane, keys, get, clock } = await createLiveKeys();
    await get(one.kid);
    controlPlane.dropFeeds();
    await until(() => keys.freshness === 'aging');
    controlPlane.change(one.kid, { keyStatus: 'revoked' });
    clock.advance(500);
    await until(() => keys.freshness === 'live');
    expect(statusOf(keys.peek(one.kid))).toBe('revoked');
    expect(controlPlane.feeds).toEqual([null, '12']);
  });
});

describe('a process that stood still', () => {
  it('answers nothing from memory before it caught up', async () => {
    const { controlPlane, keys, get, clock } = await createLiveKeys();
    await get(one.kid);
    controlPlane.greets = false;
    clock.advance(5000);
    controlPlane.change(one.kid, { keyStatus: 'revoked' });
    expect([keys.freshness, keys.peek(one.kid)]).toEqual(['catching-up', undefined]);
    let answered = false;
    const answer = get(one.kid).finally(() => {
      answered = true;
    });
    await until(() => controlPlane.feeds.length === 2);
    expect([controlPlane.feeds, answered]).toEqual([[null, '12'], false]);
    controlPlane.send('change', { revision: 13, kind: 'key', record: controlPlane.records.get(one.kid) });
    controlPlane.heartbeat();
    expect(statusOf(await answer)).toBe('revoked');
    expect(controlPlane.lookups).toEqual([one.kid]);
  });

  it('does not believe an answer that was read before it stood still', async () => {
    const { controlPlane, get, clock } = await createLiveKeys();
    const gate = deferred<void>();
    controlPlane.afterRead = gate.promise;
    const answer = get(one.kid);
    await until(() => controlPlane.lookups.length === 1);
    controlPlane.records.set(one.kid, { ...one.record, keyStatus: 'revoked', revision: ++controlPlane.revision });
    clock.advance(1500);
    gate.resolve();
    expect(statusOf(await answer)).toBe('revoked');
    expect(controlPlane.lookups).toHaveLength(2);
  });

  it('falls back on what it has if the control plane is gone', async () => {
    const { controlPlane, keys, get, clock } = await createLiveKeys();
    const record = await get(one.kid);
    await controlPlane[Symbol.asyncDispose]();
    clock.advance(5000);
    expect(keys.freshness).toBe('catching-up');
    expect(await get(one.kid)).toBe(record);
    expect(keys.freshness).toBe('aging');
  });
});
