import { compare as bcrypt } from '@node-rs/bcrypt';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { AuthenticatorOutcome, CheckedRequest } from '../contract.ts';
import { createServer } from '../create-server.ts';
import { codeOf, createTestClock, deferred, requestWith } from '../fixture.test.support.ts';
import { AuthenticationError } from '../refusals.ts';
import { authenticatorSuite } from '../testing/index.ts';
import type { PipecdRecord } from './pipecd/record.ts';
import { type PipecdKeyOptions, pipecdKey } from './pipecd-key.ts';
import type { PipedSource } from './piped-source.ts';
import { hashOf, KEY, memoryPipeds, recordOf, silentPipeds } from './pipeds.test.support.ts';

const GOOD = `Bearer shop,edge-1,${KEY}`;
let hashed: string;
beforeAll(async () => {
  hashed = await hashOf(KEY);
});

function subject(options: Partial<PipecdKeyOptions> = {}, ...records: PipecdRecord[]) {
  const pipeds = memoryPipeds(...(records.length > 0 ? records : [recordOf({ hashes: [hashed] })]));
  const compare = vi.fn(options.compare ?? bcrypt);
  const authenticator = pipecdKey({ pipeds, ...options, compare });
  const ask = async (authorization: string, changes: Partial<CheckedRequest> = {}) =>
    summary(await authenticator.authenticate(requestWith(authorization, changes), new AbortController().signal));
  return { pipeds, compare, authenticator, ask };
}

function summary(outcome: AuthenticatorOutcome): string {
  if (outcome.kind === 'refused') return outcome.error.code;
  return outcome.kind === 'authenticated'
    ? `${outcome.facts.principal.project}/${outcome.facts.principal.piped}`
    : 'not-mine';
}

authenticatorSuite(
  {
    name: 'pipecdKey',
    create() {
      const { authenticator, pipeds } = subject();
      return {
        authenticator,
        good: [requestWith(GOOD), requestWith(`bearer shop,edge-1,${KEY}`)],
        bad: [
          requestWith(`Bearer shop,edge-1,${KEY}y`),
          requestWith(`Bearer shop,nobody,${KEY}`),
          requestWith('Bearer ,,'),
        ],
        foreign: [requestWith('Bearer a.b.c'), requestWith('Bearer one,two'), requestWith('Bearer a,b,c,d')],
        change: () => pipeds.put(recordOf({ hashes: [hashed], pipedStatus: 'disabled' })),
        stuck: { authenticator: pipecdKey({ pipeds: silentPipeds }), request: requestWith(GOOD) },
      };
    },
  },
  { describe, it },
);

describe('a key of PipeCD', () => {
  it.each([
    ['allmine', '$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga'],
    ['abcdefghijklmnopqrstuvwxyz', '$2a$10$fVH8e28OQRj9tqiDXs1e1uxpsjN0c7II7YPKXua2NAKYvM6iQk7dq'],
  ])('%s belongs to its hash in Go and in jBCrypt', async (key, hash) => {
    const { ask } = subject({}, recordOf({ hashes: [hash] }));
    expect(await ask(`Bearer shop,edge-1,${key}`)).toBe('shop/edge-1');
    expect(await ask(`Bearer shop,edge-1,${key.toUpperCase()}`)).toBe('static_key_invalid');
  });

  it('names who sent it, by an id of the key that is no secret', async () => {
    const outcome = await subject().authenticator.authenticate(requestWith(GOOD), new AbortController().signal);
    expect(outcome).toMatchObject({
      kind: 'authenticated',
      facts: {
        principal: {
          project: 'shop',
          piped: 'edge-1',
          authenticator: 'pipecd-key',
          credentialId: expect.stringMatching(/^[\w-]{43}$/),
          scopes: ['traces'],
          expiresAt: 253_402_300_799,
        },
      },
    });
  });

  it.each([
    ['no project', `,edge-1,${KEY}`],
    ['no piped', `shop,,${KEY}`],
    ['no key', 'shop,edge-1,'],
    ['a space behind a comma', `shop, edge-1,${KEY}`],
    ['a space in the end', `shop,edge-1,${KEY} `],
    ['a dot for a project', `.,edge-1,${KEY}`],
    ['a project of 65 letters', `${'p'.repeat(65)},edge-1,${KEY}`],
    ['a slash in an id', `shop/x,edge-1,${KEY}`],
    ['a key of 73 bytes', `shop,edge-1,${'k'.repeat(73)}`],
    ['a key with an umlaut', 'shop,edge-1,kéy'],
    ['a key with a NUL', `shop,edge-1,${KEY}\0`],
  ])('is refused with %s, unlooked at', async (_, token) => {
    const { ask, compare } = subject();
    expect(await ask(`Bearer ${token}`)).toBe('static_key_malformed');
    expect(compare).not.toHaveBeenCalled();
  });

  it('may have 72 bytes, all of which count', async () => {
    const longest = 'k'.repeat(71);
    const { ask } = subject({}, recordOf({ hashes: [await hashOf(`${longest}a`)] }));
    expect(await ask(`Bearer shop,edge-1,${longest}a`)).toBe('shop/edge-1');
    expect(await ask(`Bearer shop,edge-1,${longest}b`)).toBe('static_key_invalid');
  });

  it('is not made of headers that a proxy joined', async () => {
    const server = createServer({ authenticators: [subject().authenticator] });
    for (const joined of [
      'Bearer one,Bearer two',
      'Bearer a,Bearer b,Bearer c',
      `${GOOD},${GOOD}`,
      `${GOOD},Basic eA==`,
    ]) {
      expect(await codeOf(() => server.authenticate(requestWith(joined)))).toBe('credential_multiple');
    }
  });

  it('may be one of two, and stops to count when it is taken away', async () => {
    const { ask, pipeds } = subject({}, recordOf({ hashes: [await hashOf('another'), hashed] }));
    expect(await ask(GOOD)).toBe('shop/edge-1');
    pipeds.put(recordOf({ hashes: [await hashOf('another')] }));
    expect(await ask(GOOD)).toBe('static_key_invalid');
  });

  it('of a disabled piped or project is told so only to who has the key', async () => {
    const { ask, pipeds } = subject({}, recordOf({ hashes: [hashed], pipedStatus: 'disabled' }));
    expect(await ask('Bearer shop,edge-1,wrong')).toBe('static_key_invalid');
    expect(await ask(GOOD)).toBe('piped_disabled');
    pipeds.put(recordOf({ hashes: [hashed], projectStatus: 'disabled' }));
    expect(await ask(GOOD)).toBe('project_disabled');
    pipeds.put(recordOf({ hashes: [hashed] }));
    expect(await ask(GOOD)).toBe('shop/edge-1');
  });
});

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

describe('a source of pipeds', () => {
  const failing = (lookup: PipedSource<PipecdRecord>['lookup']): PipedSource<PipecdRecord> => ({
    peek: () => undefined,
    lookup,
  });

  it.each([
    ['fails', () => Promise.reject(new Error('gone'))],
    [
      'fails at once',
      () => {
        throw new Error('gone');
      },
    ],
    ['does not answer in time', () => new Promise<never>(() => {})],
    ['gives more than two hashes', () => recordOf({ hashes: [hashed, hashed, hashed] })],
    ['gives what is no bcrypt hash', () => recordOf({ hashes: ['redacted'] })],
    ['gives a hash that would take minutes', () => recordOf({ hashes: [hashed.replace('$04$', '$31$')] })],
  ])('that %s makes the answer undecided', async (_, lookup) => {
    const { ask, compare } = subject({ pipeds: failing(lookup), lookupTimeoutMs: 20 });
    expect(await ask(GOOD)).toBe('key_source_unavailable');
    expect(compare).not.toHaveBeenCalled();
  });

  it('may have its say in other refusals', async () => {
    const pipeds = failing(() => Promise.reject(new AuthenticationError('shutting_down')));
    expect(await subject({ pipeds }).ask(GOOD)).toBe('shutting_down');
  });

  it('that takes the key away during the comparison is believed', async () => {
    const gate = deferred<boolean>();
    const { ask, pipeds, compare } = subject({ compare: async (_, hash) => hash === hashed && gate.promise });
    const answer = ask(GOOD);
    await vi.waitFor(() => expect(compare).toHaveBeenCalled());
    pipeds.put(recordOf({ hashes: [await hashOf('newer')] }));
    gate.resolve(true);
    expect(await answer).toBe('static_key_invalid');
  });

  it('that never stands still is not waited for', async () => {
    const { ask, pipeds } = subject({
      compare: async () => {
        pipeds.put(recordOf({ hashes: [await hashOf('another')] }));
        return false;
      },
    });
    expect(await ask(GOOD)).toBe('key_source_unavailable');
  });
});

it.each(['maxRunning', 'maxVerified', 'maxWrong', 'wrongBurst', 'wrongPerSecond', 'maxAddresses', 'lookupTimeoutMs'])(
  'refuses nonsense for %s',
  name => {
    for (const value of [Number.NaN, -1, 0.5, 0]) {
      expect(() => subject({ [name]: value })).toThrow(TypeError);
    }
  },
);

it('is asked anew on each check, so that no memory of decisions holds the key', () => {
  expect(subject().authenticator.restsOn).toBe('request');
});
