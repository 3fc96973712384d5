import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestClock, deferred } from '../../fixture.test.support.ts';
import type { Freshness } from '../../keys/change-feed.ts';
import type { Change } from '../../keys/changes.ts';
import { ControlPlanePipeds, type ControlPlanePipedsOptions } from './control-plane-source.ts';

const HASH = `$2a$10$${'a'.repeat(53)}`;
const record = {
  project: 'shop',
  piped: 'old-1',
  pipedStatus: 'active',
  projectStatus: 'active',
  scopes: ['traces'],
  hashes: [HASH],
  revision: 5,
};
const signal = new AbortController().signal;

/** A control plane and its feed, whose every word the test decides. */
const plane = {
  revision: 5,
  record: record as unknown,
  asked: [] as string[],
  /** Lookups wait here after they read. */
  afterRead: undefined as Promise<void> | undefined,
  answer: undefined as ((response: ServerResponse) => void) | undefined,
};
const feed = {
  freshness: 'live' as Freshness,
  caught: deferred<void>(),
  caughtUp: () => feed.caught.promise,
  onChange: (_: Change) => {},
  onReset: () => {},
  follow(follower: { onChange(change: Change): void; onReset(): void }) {
    feed.onChange = follower.onChange;
    feed.onReset = follower.onReset;
  },
};
const clock = createTestClock();
const server = createServer(async (request, response) => {
  plane.asked.push(String(request.url));
  if (plane.answer !== undefined) return plane.answer(response);
  const [revision, found] = [plane.revision, plane.record];
  await plane.afterRead;
  response.writeHead(found === undefined ? 404 : 200, { 'x-spanpass-revision': revision });
  response.end(JSON.stringify(found ?? { code: 'piped_unknown' }));
});

let pipeds: ControlPlanePipeds;
const open = (more: Partial<ControlPlanePipedsOptions> = {}) => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  pipeds = new ControlPlanePipeds({ controlPlane: { url, token: 'token' }, feed, clock: clock.now, ...more });
};
const lookup = async (piped = 'old-1') => pipeds.lookup('shop', piped, signal);
const changed = (change: Partial<Change>) => {
  plane.revision++;
  feed.onChange({
    kind: 'piped',
    project: 'shop',
    piped: 'old-1',
    pipedStatus: 'active',
    revision: plane.revision,
    ...change,
  } as Change);
};

beforeEach(async () => {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  Object.assign(plane, { revision: 5, record, asked: [], afterRead: undefined, answer: undefined });
  Object.assign(feed, { freshness: 'live', caught: deferred<void>() });
  open();
});
afterEach(async () => {
  await pipeds[Symbol.asyncDispose]();
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
});

describe("PipeCD's keys out of the control plane", () => {
  it('are asked for once, and the same record is at hand until something changes', async () => {
    expect(pipeds.peek('shop', 'old-1')).toBeUndefined();
    const [first, second] = await Promise.all([lookup(), lookup()]);
    expect(first).toEqual(record);
    expect(second).toBe(first);
    expect(pipeds.peek('shop', 'old-1')).toBe(first);
    expect(plane.asked).toEqual(['/v1/projects/shop/pipeds/old-1/pipecd-keys']);
  });

  it.each([
    ['of the piped', { kind: 'piped', pipedStatus: 'disabled' }],
    ['of its project', { kind: 'project', projectStatus: 'disabled' }],
  ] as const)('are asked for anew after a change %s', async (_, change) => {
    await lookup();
    changed(change);
    expect(pipeds.peek('shop', 'old-1')).toBeUndefined();
    plane.record = { ...record, pipedStatus: 'disabled' };
    expect(await lookup()).toMatchObject({ pipedStatus: 'disabled' });
    changed({ piped: 'another' });
    expect(pipeds.peek('shop', 'old-1')).toMatchObject({ pipedStatus: 'disabled' });
    feed.onReset();
    expect(pipeds.peek('shop', 'old-1')).toBeUndefined();
  });

  it.each(['change', 'reset'])('that were read before a %s came are read again', async how => {
    const gate = deferred<void>();
    plane.afterRead = gate.promise;
    const result = lookup();
    await expect.poll(() => plane.asked.length).toBe(1);
    plane.record = { ...record, pipedStatus: 'disabled' };
    if (how === 'change') changed({});
    else feed.onReset();
    gate.resolve();
    expect(await result).toMatchObject({ pipedStatus: 'disabled' });
    expect(plane.asked).toHaveLength(2);
    expect(pipeds.peek('shop', 'old-1')).toMatchObject({ pipedStatus: 'disabled' });
  });

  it('that are not there are known not to be, for a while, and until the piped comes', async () => {
    plane.record = undefined;
    expect(await lookup()).toBeUndefined();
    expect(await lookup()).toBeUndefined();
    expect(plane.asked).toHaveLength(1);
    clock.advance(60_000);
    expect(await lookup()).toBeUndefined();
    expect(plane.asked).toHaveLength(2);
    plane.record = record;
    changed({});
    expect(await lookup()).toEqual(record);
  });

  it('are believed as far as the feed is', async () => {
    await lookup();
    feed.freshness = 'aging';
    expect(pipeds.peek('shop', 'old-1')).toEqual(record);
    for (const freshness of ['unproven', 'catching-up', 'stale', 'closed'] as const) {
      feed.freshness = freshness;
      expect(pipeds.peek('shop', 'old-1'), freshness).toBeUndefined();
    }
    await expect(lookup()).rejects.toMatchObject({ code: 'shutting_down' });
    feed.freshness = 'stale';
    await expect(lookup()).rejects.toMatchObject({ code: 'key_source_unavailable' });
    feed.freshness = 'catching-up';
    const waiting = lookup('old-2');
    plane.record = { ...record, piped: 'old-2' };
    feed.freshness = 'unproven';
    feed.caught.resolve();
    // It counts for who waited, and is not kept.
    expect(await waiting).toMatchObject({ piped: 'old-2' });
    feed.freshness = 'live';
    expect(pipeds.peek('shop', 'old-2')).toBeUndefined();
  });

  it('are refused, not waited for, when too many are asked for', async () => {
    await pipeds[Symbol.asyncDispose]();
    open({ maxLookups: 1, maxQueuedLookups: 1 });
    const gate = deferred<void>();
    plane.afterRead = gate.promise;
    const asked = ['a', 'b'].map(piped => lookup(piped).catch(() => {}));
    await expect(lookup('c')).rejects.toMatchObject({ code: 'overloaded' });
    gate.resolve();
    await Promise.all(asked);
  });

  it.each([
    ['another piped', { ...record, piped: 'old-2' }],
    ['three hashes', { ...record, hashes: [HASH, HASH, HASH] }],
    ['a hash that is none', { ...record, hashes: ['secret'] }],
    ['an unknown status', { ...record, pipedStatus: 'maybe' }],
    ['no record', []],
    ['too much', { ...record, note: 'x'.repeat(20_000) }],
  ])('are not taken from an answer with %s', async (_, answer) => {
    plane.record = answer;
    await expect(lookup()).rejects.toMatchObject({ code: 'key_source_unavailable' });
  });

  it.each([
    ['a 404 of somebody else', 404, {}, { 'x-spanpass-revision': '5' }],
    ['a 500', 500, record, { 'x-spanpass-revision': '5' }],
    ['no revision', 200, record, {}],
  ])('are not taken from %s', async (_, status, body, headers) => {
    plane.answer = response => response.writeHead(status, headers as Record<string, string>).end(JSON.stringify(body));
    await expect(lookup()).rejects.toMatchObject({ code: 'key_source_unavailable' });
  });
});
