import { readdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createKeyPair, type KeyRecord } from '@spanpass/credential';
import { describe, expect, it } from 'vitest';
import { codeOf, createPiped, deferred } from '../../fixture.test.support.ts';
import { ControlPlaneKeys, type ControlPlaneKeysOptions } from '../control-plane-keys.ts';
import { one, other, until } from '../live-keys.test.support.ts';
import { createKept, snapshotKeys, storyOf } from './snapshot.test.support.ts';

const statusOf = (record: KeyRecord | undefined) => record?.keyStatus;
const stranger = await createKeyPair('ES256');

type Kept = Awaited<ReturnType<typeof createKept>>;

describe('options', () => {
  it.each<Partial<ControlPlaneKeysOptions>>([
    { snapshotFile: 'keys.snapshot' },
    { snapshotKeys },
    { snapshotFile: '', snapshotKeys },
    { snapshotFile: 'keys.snapshot', snapshotKeys: new Map() },
    { snapshotFile: 'keys.snapshot', snapshotKeys, snapshotEveryMs: 0 },
  ])('%o are a mistake', options => {
    expect(() => new ControlPlaneKeys({ token: 'token', ...options })).toThrow(TypeError);
  });
});

describe('a start without the control plane', () => {
  it('serves from the snapshot that an earlier process kept, and nothing that is not in it', async () => {
    const { restart, keys, events, controlPlane } = await createKept();
    const record = keys.peek(one.kid);
    expect(storyOf(events)).toEqual(['kept']);
    expect(controlPlane.snapshots).toEqual([[other.kid, one.kid]]);
    const next = await restart();
    expect(next.events).toEqual([{ kind: 'loaded', revision: controlPlane.revision, records: 2 }]);
    expect(await next.get(one.kid)).toEqual(record);
    expect([next.keys.freshness, next.keys.isReady]).toEqual(['aging', true]);
    expect(next.keys.peek(one.kid)).toEqual(record);
    expect(await codeOf(() => next.get(stranger.kid))).toBe('key_source_unavailable');
  });

  it('counts staleness from when the snapshot was signed: then 503, not 401', async () => {
    const { restart, clock } = await createKept({ maxStaleMs: 60_000 });
    const next = await restart({ maxStaleMs: 60_000 }, 59_000);
    expect(statusOf(await next.get(one.kid))).toBe('active');
    // 600 ms had passed before it was signed for, in whole seconds.
    expect(next.keys.feedLagMs).toBe(59_600);
    clock.advance(400);
    expect(statusOf(await next.get(one.kid))).toBe('active');
    clock.advance(1);
    expect([next.keys.freshness, next.keys.peek(one.kid)]).toEqual(['stale', undefined]);
    expect(await codeOf(() => next.get(one.kid))).toBe('key_source_unavailable');
  });

  it('goes on noting changes of a snapshot that it did not fetch itself', async () => {
    const { restart, controlPlane } = await createKept();
    const second = await restart({ url: controlPlane.url });
    await until(() => second.keys.freshness === 'live');
    controlPlane.change(one.kid, { keyStatus: 'revoked' });
    await until(() => statusOf(second.keys.peek(one.kid)) === 'revoked');
    await second.keys[Symbol.asyncDispose]();
    const third = await restart();
    expect(third.events).toMatchObject([{ kind: 'loaded', records: 1 }]);
    expect(await codeOf(() => third.get(one.kid))).toBe('key_source_unavailable');
    expect(statusOf(await third.get(other.kid))).toBe('active');
  });
});

describe('a start with the control plane', () => {
  it('goes on from the revision of the snapshot, and answers nothing before the backlog was applied', async () => {
    const { restart, controlPlane, keys } = await createKept();
    const { revision } = controlPlane;
    await keys[Symbol.asyncDispose]();
    controlPlane.change(one.kid, { keyStatus: 'revoked' });
    controlPlane.greets = false;
    const next = await restart({ url: controlPlane.url });
    await until(() => controlPlane.feeds.length === 2);
    expect(controlPlane.feeds.at(-1)).toBe(String(revision));
    expect([next.keys.freshness, next.keys.peek(one.kid)]).toEqual(['catching-up', undefined]);
    const answer = next.get(one.kid);
    const record = controlPlane.records.get(one.kid);
    controlPlane.send('change', { revision: controlPlane.revision, kind: 'key', record });
    controlPlane.heartbeat();
    expect(statusOf(await answer)).toBe('revoked');
    expect(controlPlane.lookups).toEqual([one.kid, other.kid]);
  });

  it('drops the snapshot when the control plane can not go on from there', async () => {
    const { restart, controlPlane } = await createKept();
    controlPlane.greets = false;
    const next = await restart({ url: controlPlane.url });
    await until(() => controlPlane.feeds.length === 2);
    controlPlane.send('reset', { revision: 3 });
    controlPlane.revision = 3;
    controlPlane.heartbeat();
    await until(() => next.keys.freshness === 'live');
    expect(next.keys.peek(one.kid)).toBeUndefined();
    expect(storyOf(next.events)).toEqual(['loaded', 'dropped reset']);
    await next.keys[Symbol.asyncDispose]();
    expect(storyOf((await restart()).events)).toEqual(['not-loaded missing']);
  });
});

describe('what was known before the end is known after it', () => {
  it.each<[string, (kept: Kept) => void]>([
    ['a key revoked', ({ controlPlane }) => controlPlane.change(one.kid, { keyStatus: 'revoked' })],
    ['a piped disabled', ({ controlPlane }) => controlPlane.changePiped('shop', 'edge-1', { pipedStatus: 'disabled' })],
  ])('%s by the feed', async (_, change) => {
    const kept = await createKept();
    const before = kept.keys.peek(one.kid);
    change(kept);
    await until(() => kept.keys.peek(one.kid) !== before);
    const next = await kept.restart();
    expect(await codeOf(() => next.get(one.kid))).toBe('key_source_unavailable');
    expect(statusOf(await next.get(other.kid))).toBe('active');
  });

  it('a project disabled', async () => {
    const { controlPlane, keys, restart } = await createKept();
    const revision = ++controlPlane.revision;
    controlPlane.send('change', { revision, kind: 'project', project: 'shop', projectStatus: 'disabled' });
    await until(() => keys.peek(one.kid)?.projectStatus === 'disabled');
    const next = await restart();
    expect(next.events).toMatchObject([{ kind: 'loaded', records: 0 }]);
  });

  it('a revocation that a lookup told before the feed did', async () => {
    const { controlPlane, get, renew, restart, events } = await createKept({ maxRecords: 2 });
    const { record } = await createPiped({ piped: 'edge-3' });
    await renew();
    controlPlane.put(record);
    await get(record.kid);
    await get(other.kid);
    const revoked = { ...one.record, keyStatus: 'revoked', revision: controlPlane.revision + 1 } as const;
    controlPlane.records.set(one.kid, revoked);
    controlPlane.revision++;
    expect(statusOf(await get(one.kid))).toBe('revoked');
    expect(storyOf(events)).toEqual(['kept', 'kept']);
    const next = await restart({ maxRecords: 2 });
    expect(await codeOf(() => next.get(one.kid))).toBe('key_source_unavailable');
  });

  it('a revocation while the snapshot was on its way', async () => {
    const { controlPlane, keys, clock, events, restart } = await createKept();
    const gate = deferred<void>();
    controlPlane.afterSnapshot = gate.promise;
    clock.advance(600);
    await until(() => controlPlane.snapshots.length === 2);
    // As if it had been read just before.
    await new Promise(resolve => setTimeout(resolve, 50));
    controlPlane.change(one.kid, { keyStatus: 'revoked' });
    await until(() => statusOf(keys.peek(one.kid)) === 'revoked');
    gate.resolve();
    await until(() => events.length === 2);
    expect(storyOf(events)).toEqual(['kept', 'kept']);
    const next = await restart();
    expect(await codeOf(() => next.get(one.kid))).toBe('key_source_unavailable');
  });

  it('changes of others cost nothing', async () => {
    const { controlPlane, keys, read, restart } = await createKept();
    const before = await read();
    controlPlane.put((await createPiped({ project: 'bank' })).record);
    const { revision } = controlPlane;
    controlPlane.send('change', { revision, kind: 'project', project: 'bank', projectStatus: 'disabled' });
    controlPlane.change(one.kid, {});
    await until(() => (keys.peek(one.kid)?.revision ?? 0) > revision);
    expect((await read()).toString()).toBe(`${before}${revision + 1} key ${one.kid}\n`);
    expect(storyOf((await restart()).events)).toEqual(['loaded']);
  });
});

describe('the files', () => {
  it('are for their owner alone, and no draft stays behind', async () => {
    const { file, renew, keys } = await createKept();
    await renew();
    await keys[Symbol.asyncDispose]();
    expect((await readdir(dirname(file))).sort()).toEqual(['keys.snapshot', 'keys.snapshot.floor']);
    for (const name of [file, `${file}.floor`]) expect((await stat(name)).mode & 0o777).toBe(0o600);
  });
});
