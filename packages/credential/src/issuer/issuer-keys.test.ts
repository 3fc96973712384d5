import { beforeAll, describe, expect, it } from 'vitest';
import { createIssuerKey, createTestClock, deferred, type IssuerKeyPair, outcomeOf } from './issuer.test.support.ts';
import { IssuerKeys } from './issuer-keys.ts';

let first: IssuerKeyPair;
let second: IssuerKeyPair;
beforeAll(async () => {
  [first, second] = await Promise.all([createIssuerKey('1'), createIssuerKey('2')]);
});

/** Keys of an issuer that answers with what `answers` says at the time. */
function subject(answer: () => unknown | Promise<unknown>) {
  const clock = createTestClock();
  const issuer = { answer, fetches: 0 };
  const keys = new IssuerKeys({
    fetchKeySet: async () => {
      issuer.fetches++;
      return issuer.answer();
    },
    algorithms: ['ES256'],
    maxAgeMs: 600_000,
    maxStaleMs: 3_600_000,
    cooldownMs: 30_000,
    retryMs: 5000,
    clock: clock.now,
  });
  return { keys, issuer, clock };
}

const setOf =
  (...pairs: IssuerKeyPair[]) =>
  () => ({ keys: pairs.map(({ jwk }) => jwk) });
const down = () => Promise.reject(new Error('connect ECONNREFUSED'));

describe('a key of an issuer', () => {
  it('is fetched once, however many ask', async () => {
    const gate = deferred<unknown>();
    const { keys, issuer } = subject(() => gate.promise);
    const asked = Array.from({ length: 20 }, () => keys.get('1', 'ES256'));
    gate.resolve(setOf(first)());
    const found = await Promise.all(asked);
    expect(new Set(found).size).toBe(1);
    expect(found[0]).toMatchObject({ kid: '1', alg: 'ES256', publicJwk: first.publicJwk });
    expect(keys.peek('1', 'ES256')).toBe(found[0]);
    expect(issuer.fetches).toBe(1);
  });

  it('is fetched anew after its age, and stays the same object', async () => {
    const { keys, issuer, clock } = subject(setOf(first));
    const before = await keys.get('1', 'ES256');
    clock.advance(600_000);
    expect(keys.peek('1', 'ES256')).toBe(before);
    clock.advance(1);
    expect(keys.peek('1', 'ES256')).toBeUndefined();
    expect(await keys.get('1', 'ES256')).toBe(before);
    expect(issuer.fetches).toBe(2);
  });

  it('that was withdrawn is unknown from the next fetch on', async () => {
    const { keys, issuer, clock } = subject(setOf(first, second));
    await keys.get('1', 'ES256');
    issuer.answer = setOf(second);
    clock.advance(600_001);
    expect(await keys.get('1', 'ES256')).toBeUndefined();
    expect(keys.peek('2', 'ES256')).toBeDefined();
  });

  it('that is another one under the same kid is another object', async () => {
    const { keys, issuer, clock } = subject(setOf(first));
    const before = await keys.get('1', 'ES256');
    issuer.answer = () => ({ keys: [{ ...second.jwk, kid: '1' }] });
    clock.advance(600_001);
    const after = await keys.get('1', 'ES256');
    expect(after).not.toBe(before);
    expect(after?.publicJwk).toEqual(second.publicJwk);
  });
});

describe('a kid that is not in the set', () => {
  it('is looked for once, then unknown for a while, then looked for again', async () => {
    const { keys, issuer, clock } = subject(setOf(first));
    expect(await keys.get('2', 'ES256')).toBeUndefined();
    expect(issuer.fetches).toBe(1);
    clock.advance(29_999);
    expect(await keys.get('2', 'ES256')).toBeUndefined();
    expect(issuer.fetches).toBe(1);
    clock.advance(1);
    issuer.answer = setOf(first, second);
    expect(await keys.get('2', 'ES256')).toMatchObject({ kid: '2' });
    expect(issuer.fetches).toBe(2);
  });

  it('that comes right after a fetch may be new: the answer is to ask again', async () => {
    const { keys, issuer, clock } = subject(setOf(first));
    await keys.get('1', 'ES256');
    issuer.answer = setOf(first, second);
    expect(await outcomeOf(() => keys.get('2', 'ES256'))).toBe('unavailable');
    expect(issuer.fetches).toBe(1);
    clock.advance(30_000);
    expect(await keys.get('2', 'ES256')).toMatchObject({ kid: '2' });
  });

  it('that comes during a fetch is not judged by it', async () => {
    const gate = deferred<unknown>();
    const { keys, issuer, clock } = subject(() => gate.promise);
    const known = keys.get('1', 'ES256');
    const late = outcomeOf(() => keys.get('2', 'ES256'));
    gate.resolve(setOf(first)());
    expect(await known).toBeDefined();
    expect(await late).toBe('unavailable');
    issuer.answer = setOf(first, second);
    clock.advance(30_000);
    expect(await keys.get('2', 'ES256')).toBeDefined();
  });

  it('in a flood of others leads to one fetch, and hides no key', async () => {
    const { keys, issuer, clock } = subject(setOf(first));
    const before = await keys.get('1', 'ES256');
    clock.advance(30_000);
    const codes = await Promise.all(
      Array.from({ length: 5000 }, (_, made) => outcomeOf(() => keys.get(`made-up-${made}`, 'ES256'))),
    );
    expect(issuer.fetches).toBe(2);
    expect(codes.filter(code => code === 'told')).toHaveLength(1);
    expect(new Set(codes)).toEqual(new Set(['told', 'unavailable']));
    expect(keys.peek('1', 'ES256')).toBe(before);
  });
});

describe('an issuer that is down', () => {
  it('makes the answer undecided, and is asked again after a while only', async () => {
    const { keys, issuer, clock } = subject(down);
    expect(await outcomeOf(() => keys.get('1', 'ES256'))).toBe('unavailable');
    await expect(keys.get('1', 'ES256')).rejects.toMatchObject({
      cause: expect.objectContaining({ message: 'connect ECONNREFUSED' }),
    });
    expect(issuer.fetches).toBe(1);
    issuer.answer = setOf(first);
    clock.advance(4999);
    expect(await outcomeOf(() => keys.get('1', 'ES256'))).toBe('unavailable');
    clock.advance(1);
    expect(await keys.get('1', 'ES256')).toMatchObject({ kid: '1' });
  });

  it('is not asked again right after a failure that took long', async () => {
    const { keys, issuer, clock } = subject(() => {
      clock.advance(10_000);
      throw new Error('timeout');
    });
    expect(await outcomeOf(() => keys.get('1', 'ES256'))).toBe('unavailable');
    expect(await outcomeOf(() => keys.get('1', 'ES256'))).toBe('unavailable');
    expect(issuer.fetches).toBe(1);
  });

  it('leaves the old keys in use for their time, and says of others that it can not be told', async () => {
    const { keys, issuer, clock } = subject(setOf(first));
    const before = await keys.get('1', 'ES256');
    issuer.answer = down;
    for (let ageMs = 600_001; ageMs <= 3_600_000; ageMs += 300_000) {
      clock.advance(ageMs === 600_001 ? 600_001 : 300_000);
      expect(await keys.get('1', 'ES256')).toBe(before);
      expect(keys.peek('1', 'ES256')).toBe(before);
      expect(await outcomeOf(() => keys.get('2', 'ES256'))).toBe('unavailable');
    }
    clock.advance(3_600_000);
    expect(keys.peek('1', 'ES256')).toBeUndefined();
    expect(await outcomeOf(() => keys.get('1', 'ES256'))).toBe('unavailable');
    issuer.answer = setOf(first);
    clock.advance(5000);
    expect(await keys.get('1', 'ES256')).toBe(before);
  });

  it('is the same as one that answers nonsense', async () => {
    for (const nonsense of [null, [], {}, { keys: {} }, { keys: [1] }, { keys: Array(101).fill({}) }]) {
      const { keys } = subject(() => nonsense);
      expect(await outcomeOf(() => keys.get('1', 'ES256'))).toBe('unavailable');
    }
  });
});
