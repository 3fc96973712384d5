import type { KeyRecord } from '@spanpass/credential';
import { describe, expect, it } from 'vitest';
import { codeOf, deferred } from '../fixture.test.support.ts';
import { ControlPlaneKeys } from './control-plane-keys.ts';
import { createKeys, createLiveKeys, one, other, until } from './live-keys.test.support.ts';

const statusOf = (record: KeyRecord | undefined) => record?.keyStatus;

describe('options', () => {
  it.each([
    [{ url: 'http://control.example:9085' }, 'the control plane beyond loopback needs https:'],
    [{ url: 'http://127.0.0.1.example' }, 'beyond loopback'],
    [{ url: 'ftp://127.0.0.1' }, 'must be https: or http:'],
    [{ url: 'https://user:secret@control.example' }, 'must hold no user, query or fragment'],
    [{ url: 'https://control.example/?a=b' }, 'must hold no user, query or fragment'],
    [{ token: '' }, 'printable ASCII'],
    [{ token: 'a b' }, 'printable ASCII'],
    [{ token: 'a\r\nb: c' }, 'printable ASCII'],
    [{ maxRecords: 0 }, 'maxRecords'],
    [{ maxUnknown: Number.NaN }, 'maxUnknown'],
    [{ unknownTtlMs: -1 }, 'unknownTtlMs'],
    [{ lookupTimeoutMs: 0 }, 'lookupTimeoutMs'],
    [{ maxLookups: 0.5 }, 'maxLookups'],
    [{ maxQueuedLookups: -1 }, 'maxQueuedLookups'],
    [{ lostAfterMs: 0 }, 'lostAfterMs'],
    [{ maxStaleMs: Number.POSITIVE_INFINITY }, 'maxStaleMs'],
  ])('%o are a mistake', (options, message) => {
    expect(() => new ControlPlaneKeys({ token: 'token', ...options })).toThrow(TypeError);
    expect(() => new ControlPlaneKeys({ token: 'token', ...options })).toThrow(message);
  });

  it.each(['http://localhost:1', 'http://[::1]:1', 'http://127.9.9.9', 'https://control.example/prefix/'])(
    '%s is a control plane',
    url => {
      expect(new ControlPlaneKeys({ token: 'token', url }).freshness).toBe('unproven');
    },
  );
});

describe('before the feed is live', () => {
  it('believes an answer for the checks that wait for it, and keeps nothing', async () => {
    const { controlPlane, get, keys } = await createKeys();
    controlPlane.put(one.record);
    expect(statusOf(await get(one.kid))).toBe('active');
    expect(keys.peek(one.kid)).toBeUndefined();
    controlPlane.change(one.kid, { keyStatus: 'revoked' });
    expect(statusOf(await get(one.kid))).toBe('revoked');
    expect(await get(other.kid)).toBeUndefined();
    controlPlane.put(other.record);
    expect(statusOf(await get(other.kid))).toBe('active');
    expect(keys.isReady).toBe(false);
  });

  it('keeps an answer if the feed became live meanwhile at the same revision or an earlier one', async () => {
    const { controlPlane, get, keys } = await createKeys();
    controlPlane.put(one.record);
    const gate = deferred<void>();
    controlPlane.afterRead = gate.promise;
    const answer = get(one.kid);
    await until(() => controlPlane.lookups.length === 1);
    keys.start();
    await until(() => keys.freshness === 'live');
    gate.resolve();
    const record = await answer;
    expect(keys.peek(one.kid)).toBe(record);
    expect(controlPlane.lookups).toHaveLength(1);
  });

  it('asks again if the feed became live at a later revision: what lies between was not seen', async () => {
    const { controlPlane, get, keys } = await createKeys();
    controlPlane.put(one.record);
    const gate = deferred<void>();
    controlPlane.afterRead = gate.promise;
    const answer = get(one.kid);
    await until(() => controlPlane.lookups.length === 1);
    controlPlane.change(one.kid, { keyStatus: 'revoked' });
    keys.start();
    await until(() => keys.freshness === 'live');
    gate.resolve();
    expect(statusOf(await answer)).toBe('revoked');
    expect(controlPlane.lookups).toHaveLength(2);
  });
});

describe('while the feed is live', () => {
  it('looks a key up once, and then answers without a promise', async () => {
    const { controlPlane, keys, get } = await createLiveKeys();
    const record = await get(one.kid);
    expect(record).toMatchObject({ kid: one.kid, piped: 'edge-1' });
    expect(keys.get(one.kid, { signal: AbortSignal.abort(), peerAddress: '' })).toBe(record);
    expect(keys.peek(one.kid)).toBe(record);
    expect(controlPlane.lookups).toEqual([one.kid]);
  });

  it('asks once for all who ask at the same time', async () => {
    const { controlPlane, get } = await createLiveKeys();
    const records = await Promise.all(Array.from({ length: 50 }, () => get(one.kid)));
    expect(new Set(records).size).toBe(1);
    expect(controlPlane.lookups).toEqual([one.kid]);
  });

  it('lets who asks give up, and the others wait on', async () => {
    const { controlPlane, keys, get } = await createLiveKeys();
    const gate = deferred<void>();
    controlPlane.afterRead = gate.promise;
    const impatient = new AbortController();
    const given = keys.get(one.kid, { signal: impatient.signal, peerAddress: '' });
    const waiting = get(one.kid);
    impatient.abort(new Error('gave up'));
    await expect(given).rejects.toThrow('gave up');
    gate.resolve();
    expect(statusOf(await waiting)).toBe('active');
  });

  it('follows changes of a key, a piped and a project at once', async () => {
    const { controlPlane, keys, get } = await createLiveKeys();
    const before = await get(one.kid);
    controlPlane.changePiped('shop', 'edge-1', { pipedStatus: 'disabled' });
    await until(() => keys.peek(one.kid)?.pipedStatus === 'disabled');
    expect(keys.peek(one.kid)).not.toBe(before);
    controlPlane.send('change', {
      revision: ++controlPlane.revision,
      kind: 'project',
      project: 'shop',
      projectStatus: 'disabled',
    });
    await until(() => keys.peek(one.kid)?.projectStatus === 'disabled');
    controlPlane.change(one.kid, { keyStatus: 'revoked' });
    await until(() => keys.peek(one.kid)?.keyStatus === 'revoked');
    expect(controlPlane.lookups).toEqual([one.kid]);
  });

  it('tells how long a revocation was on its way, by the clocks of both sides', async () => {
    const lags: number[] = [];
    const { controlPlane, keys, get, clock } = await createLiveKeys({
      observer: { revocationApplied: lag => lags.push(lag) },
    });
    const before = await get(one.kid);
    const written = (keyStatus: string, atMs: number | undefined) => {
      const record = { ...before, keyStatus, revision: ++controlPlane.revision };
      const at = atMs === undefined ? {} : { at: new Date(atMs).toISOString() };
      controlPlane.send('change', { revision: record.revision, ...at, kind: 'key', record });
    };
    clock.advance(500);
    written('active', 0);
    written('revoked', undefined);
    written('revoked', 260);
    written('revoked', 60_000);
    await until(() => keys.peek(one.kid)?.revision === controlPlane.revision);
    expect(lags).toEqual([0.24, 0]);
  });

  it('forgets a record whose scopes changed, since only the control plane can tell what they are', async () => {
    const { controlPlane, keys, get } = await createLiveKeys();
    await get(one.kid);
    const change = { kind: 'piped', project: 'shop', piped: 'edge-1', pipedStatus: 'active', scopes: ['logs'] };
    controlPlane.send('change', { revision: ++controlPlane.revision, ...change });
    await until(() => keys.peek(one.kid) === undefined);
  });

  it('keeps so many records', async () => {
    const { controlPlane, keys, get } = await createLiveKeys({ maxRecords: 1 });
    await get(one.kid);
    await get(other.kid);
    expect([keys.peek(one.kid)?.kid, keys.peek(other.kid)?.kid]).toEqual([undefined, other.kid]);
    await get(one.kid);
    expect(controlPlane.lookups).toEqual([one.kid, other.kid, one.kid]);
  });

  it('drops everything at a reset', async () => {
    const { controlPlane, keys, get } = await createLiveKeys();
    await get(one.kid);
    controlPlane.send('reset', { revision: 1 });
    await until(() => keys.peek(one.kid) === undefined);
    controlPlane.revision = 30;
    controlPlane.heartbeat();
    expect(statusOf(await get(one.kid))).toBe('active');
  });
});

describe('the end', () => {
  it('refuses what comes after it', async () => {
    const { keys, get } = await createLiveKeys();
    await get(one.kid);
    await keys[Symbol.asyncDispose]();
    expect(await codeOf(() => get(one.kid))).toBe('shutting_down');
    expect([keys.peek(one.kid), keys.isReady]).toEqual([undefined, false]);
  });
});
