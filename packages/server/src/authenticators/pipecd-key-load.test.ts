import { describe, expect, it } from 'vitest';
import { createTestClock, deferred, requestWith } from '../fixture.test.support.ts';
import { AuthenticationError } from '../refusals.ts';
import { GOOD, hashed, subject, summary } from './pipecd-key.test.support.ts';
import { hashOf, KEY, recordOf, silentPipeds } from './pipeds.test.support.ts';

describe('how often keys are compared', () => {
  it('once per key, and never again while its hash is there; then no promise is needed', async () => {
    const { ask, authenticator, compare, pipeds } = subject();
    await Promise.all(Array.from({ length: 50 }, () => ask(GOOD)));
    expect(compare).toHaveBeenCalledTimes(1);
    pipeds.put(recordOf({ hashes: [await hashOf('newer'), hashed], revision: 2 }));
    const known = authenticator.authenticate(requestWith(GOOD), new AbortController().signal);
    expect(known).not.toBeInstanceOf(Promise);
    expect(summary(await known)).toBe('shop/edge-1');
    expect(compare).toHaveBeenCalledTimes(1);
  });

  it('gives one object for the same piped and key', async () => {
    const { authenticator } = subject();
    const [first, second] = [
      await authenticator.authenticate(requestWith(GOOD), new AbortController().signal),
      await authenticator.authenticate(requestWith(GOOD), new AbortController().signal),
    ];
    expect(first.kind === 'authenticated' && first.facts).toBe(second.kind === 'authenticated' && second.facts);
  });

  it.each([
    ['a piped with two keys', 2],
    ['a piped with one key', 1],
    ['a piped without a key', 0],
  ])('twice for a wrong key of %s, and so for a piped that does not exist', async (_, count) => {
    const { ask, compare } = subject({}, recordOf({ hashes: [hashed, hashed].slice(0, count) }));
    expect(await ask('Bearer shop,edge-1,wrong')).toBe('static_key_invalid');
    expect(compare).toHaveBeenCalledTimes(2);
    expect(await ask(`Bearer shop,nobody,${KEY}`)).toBe('static_key_invalid');
    expect(compare).toHaveBeenCalledTimes(4);
    expect(await ask('Bearer shop,edge-1,wrong')).toBe('static_key_invalid');
    expect(await ask(`Bearer shop,nobody,${KEY}`)).toBe('static_key_invalid');
    expect(compare).toHaveBeenCalledTimes(4);
  });

  it('an unknown piped takes as long as a wrong key at the cost of PipeCD', async () => {
    const { ask } = subject({}, recordOf({ hashes: ['$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga'] }));
    const time = async (authorization: string) => {
      const from = performance.now();
      await ask(authorization);
      return performance.now() - from;
    };
    await ask('Bearer shop,edge-1,warm-up');
    const [wrong, unknown] = [await time('Bearer shop,edge-1,wrong'), await time('Bearer shop,nobody,wrong')];
    expect(unknown).toBeGreaterThan(wrong / 4);
    expect(unknown).toBeLessThan(wrong * 4);
  });

  it('a wrong key is right at once when it becomes one of the hashes', async () => {
    const { ask, pipeds } = subject({}, recordOf({ hashes: [await hashOf('old')] }));
    expect(await ask(GOOD)).toBe('static_key_invalid');
    pipeds.put(recordOf({ hashes: [hashed] }));
    expect(await ask(GOOD)).toBe('shop/edge-1');
  });

  it('a wrong key is forgotten after its time', async () => {
    const clock = createTestClock();
    const { ask, compare } = subject({ clock: clock.now, wrongTtlMs: 1000 });
    await ask('Bearer shop,edge-1,wrong');
    clock.advance(999);
    await ask('Bearer shop,edge-1,wrong');
    expect(compare).toHaveBeenCalledTimes(2);
    clock.advance(1);
    await ask('Bearer shop,edge-1,wrong');
    expect(compare).toHaveBeenCalledTimes(4);
  });

  it('a flood of wrong keys drives out no verified one', async () => {
    const { ask, compare } = subject({
      compare: async (key, hash) => key === KEY && hash === hashed,
      maxWrong: 2,
      maxVerified: 1,
      wrongBurst: 1000,
    });
    await ask(GOOD);
    for (let made = 0; made < 100; made++) await ask(`Bearer shop,edge-1,wrong${made}`);
    compare.mockClear();
    expect(await ask(GOOD)).toBe('shop/edge-1');
    expect(compare).not.toHaveBeenCalled();
  });
});

describe('a flood', () => {
  it('of wrong keys is throttled by address, though the verified go on', async () => {
    const clock = createTestClock();
    const { ask, compare } = subject({ clock: clock.now, wrongBurst: 3, wrongPerSecond: 1 });
    await ask(GOOD);
    for (let made = 0; made < 3; made++) expect(await ask(`Bearer shop,edge-1,w${made}`)).toBe('static_key_invalid');
    compare.mockClear();
    expect(await ask('Bearer shop,edge-1,w3')).toBe('throttled');
    expect(await ask('Bearer shop,nobody,w3')).toBe('throttled');
    expect(compare).not.toHaveBeenCalled();
    expect(await ask(GOOD)).toBe('shop/edge-1');
    expect(await ask('Bearer shop,edge-1,w3', { peer: { address: '192.0.2.2' } })).toBe('static_key_invalid');
    clock.advance(1000);
    expect(await ask('Bearer shop,edge-1,w4')).toBe('static_key_invalid');
  });

  it('of good keys from one address is not', async () => {
    const keys = Array.from({ length: 10 }, (_, made) => `key${made}`);
    const records = await Promise.all(keys.map(async piped => recordOf({ piped, hashes: [await hashOf(piped)] })));
    const { ask } = subject({ wrongBurst: 2 }, ...records);
    for (const piped of keys) expect(await ask(`Bearer shop,${piped},${piped}`)).toBe(`shop/${piped}`);
  });

  it('beyond the queue is answered at once as overloaded, and what was under way ends', async () => {
    const gate = deferred<boolean>();
    const { ask, compare } = subject({ compare: () => gate.promise, maxRunning: 1, maxWaiting: 2 });
    const waiting = [0, 1, 2].map(made => ask(`Bearer shop,edge-1,key${made}`));
    expect(await ask('Bearer shop,edge-1,key3')).toBe('overloaded');
    expect(compare).toHaveBeenCalledTimes(1);
    gate.resolve(true);
    expect(await Promise.all(waiting)).toEqual(['shop/edge-1', 'shop/edge-1', 'shop/edge-1']);
    expect(await ask('Bearer shop,edge-1,key3')).toBe('shop/edge-1');
  });

  it('of look-ups is bounded as well', async () => {
    const { ask } = subject({ pipeds: silentPipeds, maxRunning: 1, maxWaiting: 1, lookupTimeoutMs: 20 });
    const waiting = [0, 1].map(made => ask(`Bearer shop,edge-1,key${made}`));
    expect(await ask('Bearer shop,edge-1,key2')).toBe('overloaded');
    expect(await Promise.all(waiting)).toEqual(['key_source_unavailable', 'key_source_unavailable']);
  });

  it('a check that gave up leaves its comparison to the next one', async () => {
    const gate = deferred<boolean>();
    const { authenticator, ask, compare } = subject({ compare: () => gate.promise });
    const controller = new AbortController();
    const given = Promise.resolve(authenticator.authenticate(requestWith(GOOD), controller.signal)).catch(
      error => error,
    );
    controller.abort(new AuthenticationError('check_timeout'));
    expect(await given).toMatchObject({ code: 'check_timeout' });
    gate.resolve(true);
    expect(await ask(GOOD)).toBe('shop/edge-1');
    expect(compare).toHaveBeenCalledTimes(1);
  });
});
