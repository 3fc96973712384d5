import { describe, expect, it, vi } from 'vitest';
import { createServer } from '../create-server.ts';
import { codeOf, deferred, requestWith } from '../fixture.test.support.ts';
import { AuthenticationError } from '../refusals.ts';
import { authenticatorSuite } from '../testing/index.ts';
import type { PipecdRecord } from './pipecd/record.ts';
import { GOOD, hashed, subject } from './pipecd-key.test.support.ts';
import { pipecdKey } from './pipecd-key.ts';
import type { PipedSource } from './piped-source.ts';
import { hashOf, KEY, recordOf, silentPipeds } from './pipeds.test.support.ts';

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
