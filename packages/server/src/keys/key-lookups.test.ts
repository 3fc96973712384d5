import type { KeyRecord } from '@spanpass/credential';
import { describe, expect, it, vi } from 'vitest';
import { codeOf, createPiped, deferred } from '../fixture.test.support.ts';
import type { FakeControlPlane } from './fake-control-plane.test.support.ts';
import { createKeys, createLiveKeys, one, other, until } from './live-keys.test.support.ts';

const statusOf = (record: KeyRecord | undefined) => record?.keyStatus;

describe('a change that arrives while a lookup is under way', () => {
  async function underWay() {
    const subject = await createLiveKeys();
    const { controlPlane, get } = subject;
    const gate = deferred<void>();
    controlPlane.afterRead = gate.promise;
    const answer = get(one.kid);
    await until(() => controlPlane.lookups.length === 1);
    /** The answer was read; now something else happens, and is seen, before it arrives. */
    const meanwhile = async (happen: () => void) => {
      happen();
      await sawAll(subject);
      controlPlane.afterRead = undefined;
      gate.resolve();
      return answer;
    };
    return { ...subject, meanwhile };
  }

  /** The feed handed on everything up to the control plane's revision. */
  async function sawAll({ controlPlane, get }: { controlPlane: FakeControlPlane; get(kid: string): Promise<unknown> }) {
    const { afterRead } = controlPlane;
    controlPlane.afterRead = undefined;
    const marker = await createPiped({ project: 'marker' });
    await get(marker.kid);
    controlPlane.put(marker.record);
    controlPlane.change(marker.kid, {});
    const known = controlPlane.lookups.length;
    await vi.waitFor(async () => {
      await get(marker.kid);
      expect(controlPlane.lookups.length).toBeGreaterThan(known);
    });
    controlPlane.afterRead = afterRead;
  }

  it('wins: the revocation', async () => {
    const { controlPlane, keys, meanwhile } = await underWay();
    const record = await meanwhile(() => controlPlane.change(one.kid, { keyStatus: 'revoked' }));
    expect(statusOf(record)).toBe('revoked');
    expect(keys.peek(one.kid)).toBe(record);
  });

  it('wins: the piped', async () => {
    const { controlPlane, keys, meanwhile } = await underWay();
    const record = await meanwhile(() => controlPlane.changePiped('shop', 'edge-1', { pipedStatus: 'disabled' }));
    expect(record?.pipedStatus).toBe('disabled');
    expect(keys.peek(one.kid)).toBe(record);
  });

  it('wins: the newest of several', async () => {
    const { controlPlane, meanwhile } = await underWay();
    const record = await meanwhile(() => {
      controlPlane.changePiped('shop', 'edge-1', { pipedStatus: 'disabled' });
      controlPlane.changePiped('shop', 'edge-1', { pipedStatus: 'active' });
    });
    expect(record).toMatchObject({ pipedStatus: 'active', revision: 14 });
  });

  it('is for others, and is left to them', async () => {
    const { controlPlane, meanwhile } = await underWay();
    const record = await meanwhile(() => controlPlane.changePiped('shop', 'edge-9', { pipedStatus: 'disabled' }));
    expect(record?.pipedStatus).toBe('active');
  });

  it('makes the lookup start again if there were more of them than are kept', async () => {
    const { controlPlane, keys, meanwhile } = await underWay();
    const record = await meanwhile(() => {
      for (let time = 0; time < 300; time++) controlPlane.changePiped('shop', 'edge-9', { pipedStatus: 'disabled' });
      controlPlane.change(one.kid, { keyStatus: 'revoked' });
    });
    expect(statusOf(record)).toBe('revoked');
    expect(keys.peek(one.kid)).toBe(record);
  });

  it('makes the lookup start again if it says that the key exists now', async () => {
    const subject = await createLiveKeys();
    const { controlPlane, keys, get } = subject;
    const late = await createPiped({ piped: 'late' });
    const gate = deferred<void>();
    controlPlane.afterRead = gate.promise;
    const answer = get(late.kid);
    await until(() => controlPlane.lookups.length === 1);
    controlPlane.put(late.record);
    controlPlane.change(late.kid, {});
    await sawAll(subject);
    gate.resolve();
    expect(await answer).toMatchObject({ piped: 'late' });
    expect(keys.peek(late.kid)).toBeDefined();
  });

  it('makes the lookup start again if it was a reset', async () => {
    const { controlPlane, keys, get } = await createLiveKeys();
    await get(other.kid);
    const gate = deferred<void>();
    controlPlane.afterRead = gate.promise;
    const answer = get(one.kid);
    await until(() => controlPlane.lookups.length === 2);
    controlPlane.records.set(one.kid, { ...one.record, keyStatus: 'revoked' });
    controlPlane.send('reset', { revision: 5 });
    await until(() => keys.peek(other.kid) === undefined);
    gate.resolve();
    expect(statusOf(await answer)).toBe('revoked');
  });

  it('counts for nothing if the answer was read after it', async () => {
    const { controlPlane, keys, get } = await createLiveKeys();
    const gate = deferred<void>();
    controlPlane.beforeRead = gate.promise;
    const answer = get(one.kid);
    await until(() => controlPlane.lookups.length === 1);
    controlPlane.change(one.kid, { keyStatus: 'retired' });
    controlPlane.records.set(one.kid, { ...one.record, keyStatus: 'revoked', revision: ++controlPlane.revision });
    gate.resolve();
    expect(statusOf(await answer)).toBe('revoked');
    expect(statusOf(keys.peek(one.kid))).toBe('revoked');
  });
});

describe('an answer that is older than what the feed said before', () => {
  it('comes from a copy that lags behind, and is not believed', async () => {
    const { controlPlane, get, failures } = await createLiveKeys();
    controlPlane.answerKey = (_, response) => {
      response.setHeader('x-spanpass-revision', '1');
      response.end(JSON.stringify(one.record));
    };
    expect(await codeOf(() => get(one.kid))).toBe('key_source_unavailable');
    expect(controlPlane.lookups).toHaveLength(3);
    expect(String(failures[0])).toContain('outdated');
  });
});

describe('kids that no key has', () => {
  it('are remembered for a while, apart from records', async () => {
    const { controlPlane, get, keys, clock } = await createLiveKeys({ maxRecords: 1, unknownTtlMs: 900 });
    await get(one.kid);
    const { kid } = await createPiped();
    for (let time = 0; time < 3; time++) expect(await get(kid)).toBeUndefined();
    expect(controlPlane.lookups).toEqual([one.kid, kid]);
    expect(keys.peek(one.kid)).toBeDefined();
    clock.advance(899);
    expect(await get(kid)).toBeUndefined();
    expect(controlPlane.lookups).toHaveLength(2);
    clock.advance(1);
    expect(await get(kid)).toBeUndefined();
    expect(controlPlane.lookups).toHaveLength(3);
  });

  it('are forgotten at once when a change names them', async () => {
    const { controlPlane, get } = await createLiveKeys();
    const late = await createPiped();
    expect(await get(late.kid)).toBeUndefined();
    controlPlane.put(late.record);
    controlPlane.change(late.kid, {});
    await vi.waitFor(async () => expect(await get(late.kid)).toBeDefined());
  });

  it('are not believed in while the feed is lost', async () => {
    const { controlPlane, get, keys } = await createLiveKeys();
    const late = await createPiped();
    expect(await get(late.kid)).toBeUndefined();
    controlPlane.answerFeed = (_, response) => response.writeHead(503).end();
    controlPlane.dropFeeds();
    await until(() => keys.freshness === 'aging');
    controlPlane.put(late.record);
    expect(await get(late.kid)).toBeDefined();
    expect(keys.peek(late.kid)).toBeUndefined();
  });

  it('reach the control plane at a bounded rate, by address; known keys cost nothing', async () => {
    const results: string[] = [];
    const observer = { keyLookup: (result: string) => results.push(result) };
    const { get, clock, controlPlane } = await createLiveKeys({
      unknownBurst: 2,
      unknownPerSecond: 1,
      maxRecords: 1,
      observer,
    });
    for (let time = 0; time < 5; time++) {
      await get(one.kid);
      await get(other.kid);
    }
    const ask = async (address: string) => codeOf(async () => get((await createPiped()).kid, address));
    expect([await ask('192.0.2.1'), await ask('192.0.2.1')]).toEqual(['allowed', 'allowed']);
    expect([await ask('192.0.2.1'), await ask('198.51.100.1')]).toEqual(['throttled', 'allowed']);
    clock.advance(1000);
    expect(await ask('192.0.2.1')).toBe('allowed');
    expect(controlPlane.lookups).toHaveLength(14);
    expect(results.slice(10)).toEqual(['unknown', 'unknown', 'throttled', 'unknown', 'unknown']);
  });

  it('reach a control plane that only fails at the same rate; once it answers again, known keys cost nothing', async () => {
    const { get, clock, controlPlane } = await createLiveKeys({ unknownBurst: 2, unknownPerSecond: 1, maxRecords: 1 });
    controlPlane.answerKey = (_, response) => response.writeHead(500).end('{}');
    const codes = [];
    for (let time = 0; time < 4; time++) codes.push(await codeOf(async () => get((await createPiped()).kid)));
    expect(codes).toEqual(['key_source_unavailable', 'key_source_unavailable', 'throttled', 'throttled']);
    expect(controlPlane.lookups).toHaveLength(2);
    controlPlane.answerKey = undefined;
    clock.advance(1000);
    for (const kid of [one.kid, other.kid, one.kid, other.kid]) expect(await get(kid)).toBeDefined();
  });

  it('of a site whose pipeds all come at once are not taken for made-up ones', async () => {
    const { controlPlane, get } = await createLiveKeys({ unknownBurst: 4, unknownPerSecond: 1, maxLookups: 2 });
    const site = await Promise.all(Array.from({ length: 20 }, () => createPiped()));
    for (const { record } of site) controlPlane.put(record);
    const answers = await Promise.all(site.map(({ kid }) => codeOf(() => get(kid, '192.0.2.1'))));
    expect(new Set(answers)).toEqual(new Set(['allowed']));
  });

  it('wait for a turn, and beyond that are refused as overload', async () => {
    const { controlPlane, get } = await createLiveKeys({ maxLookups: 1, maxQueuedLookups: 1 });
    const gate = deferred<void>();
    controlPlane.afterRead = gate.promise;
    const kids = [one.kid, other.kid, (await createPiped()).kid];
    const [first, second, third] = kids.map(kid => codeOf(() => get(kid)));
    expect(await third).toBe('overloaded');
    gate.resolve();
    expect([await first, await second]).toEqual(['allowed', 'allowed']);
  });
});

describe('a control plane that does not answer as it should', () => {
  it.each<[string, NonNullable<FakeControlPlane['answerKey']>]>([
    ['an error', (_, response) => response.writeHead(500).end('{}')],
    ['a refusal of the token', (_, response) => response.writeHead(401).end('{}')],
    ['a redirect', (_, response) => response.writeHead(302, { location: '/elsewhere' }).end()],
    ['no JSON', (_, response) => response.setHeader('x-spanpass-revision', '99').end('<html>')],
    ['a record without a revision', (_, response) => response.end(JSON.stringify(one.record))],
    ['somebody else who does not know the path', (_, response) => response.writeHead(404).end('{}')],
    ['too much', (_, response) => response.setHeader('x-spanpass-revision', '99').end('x'.repeat(20_000))],
    ['another key', (_, response) => response.setHeader('x-spanpass-revision', '99').end(JSON.stringify(other.record))],
    [
      "another key under this one's kid",
      (_, response) =>
        response.setHeader('x-spanpass-revision', '99').end(JSON.stringify({ ...other.record, kid: one.kid })),
    ],
    [
      'a record of a later version',
      (_, response) => response.setHeader('x-spanpass-revision', '99').end(JSON.stringify({ ...one.record, v: 2 })),
    ],
    ['nothing', (_, response) => response.destroy()],
  ])('leaves a check undecided: %s', async (_, answer) => {
    const { controlPlane, get, keys, failures } = await createLiveKeys();
    controlPlane.answerKey = answer;
    expect(await codeOf(() => get(one.kid))).toBe('key_source_unavailable');
    expect(failures).toHaveLength(1);
    expect(keys.peek(one.kid)).toBeUndefined();
    controlPlane.answerKey = undefined;
    expect(statusOf(await get(one.kid))).toBe('active');
  });

  it('leaves a check undecided: silence', async () => {
    const { controlPlane, get } = await createLiveKeys({ lookupTimeoutMs: 20 });
    controlPlane.afterRead = new Promise(() => {});
    expect(await codeOf(() => get(one.kid))).toBe('key_source_unavailable');
  });

  it.each<[string, NonNullable<FakeControlPlane['answerFeed']>]>([
    ['refused 403', (_, response) => response.writeHead(403).end()],
    ['not-a-feed', (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
    ['ended', (_, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end()],
    [
      'malformed',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('x'.repeat(100_000));
      },
    ],
    ['unreachable ECONNRESET', (_, response) => response.destroy()],
  ])('says why the feed was lost: %s', async (problem, answer) => {
    const { controlPlane, keys, problems } = await createKeys();
    controlPlane.answerFeed = answer;
    keys.start();
    await until(() => problems.length > 0);
    expect([problems[0], keys.freshness]).toEqual([problem, 'unproven']);
  });
});
