import type { KeyRecord } from '@spanpass/credential';
import { beforeAll, describe, expect, it } from 'vitest';
import { createServer } from '../create-server.ts';
import {
  codeOf,
  createPiped,
  deferred,
  memoryKeys,
  now,
  requestWith,
  type TestPiped,
} from '../fixture.test.support.ts';
import type { KeySource } from '../keys/key-source.ts';
import { type PipedJwtOptions, pipedJwt } from './piped-jwt.ts';

let piped: TestPiped;
beforeAll(async () => {
  piped = await createPiped();
});

/** A server that counts what checks cost: look-ups of keys, and signatures that were verified. */
function create(options: Partial<PipedJwtOptions> = {}) {
  const cost = { lookups: 0, signatures: 0 };
  const known = memoryKeys(new Map([[piped.kid, piped.record]]));
  const keys: KeySource = options.keys ?? known;
  const counting: KeySource = {
    get: (kid, question) => {
      cost.lookups++;
      return keys.get(kid, question);
    },
    peek: kid => keys.peek(kid),
  };
  const observer = { signature: () => void cost.signatures++ };
  const server = createServer({ authenticators: [pipedJwt({ now, observer, ...options, keys: counting })], now });
  const ask = (token: string, address = '192.0.2.1', signal?: AbortSignal) =>
    server.authenticate(requestWith(`Bearer ${token}`, { peer: { address } }), signal);
  const check = (...asked: Parameters<typeof ask>) => codeOf(() => ask(...asked));
  return { cost, ask, check };
}

/** The same credential, with another signature of the same length. */
function forge(token: string): string {
  const [header, claims, signature = ''] = token.split('.');
  return [header, claims, Buffer.from(signature, 'base64url').reverse().toString('base64url')].join('.');
}

describe('what a refusal costs', () => {
  it('neither a look-up nor a signature where no signature could save the credential', async () => {
    const { check, cost } = create();
    const elsewhere = await piped.sign({ audience: 'elsewhere' });
    expect([await check(elsewhere), await check(forge(elsewhere))]).toEqual(['audience_mismatch', 'audience_mismatch']);
    expect(await check(await piped.sign({ now: () => now() - 3_600_000 }))).toBe('expired');
    expect(await check(await piped.sign({ now: () => now() + 3_600_000 }))).toBe('issued_in_future');
    expect(cost).toEqual({ lookups: 0, signatures: 0 });
  });

  it('one look-up and one signature for all who show the same credential at once', async () => {
    const gate = deferred<KeyRecord>();
    const keys: KeySource = { get: () => gate.promise, peek: () => piped.record };
    const { check, cost } = create({ keys, limits: { maxTurnMs: 0 } });
    const token = await piped.sign();
    const checks = Array.from({ length: 50 }, () => check(token));
    gate.resolve(piped.record);
    expect(new Set(await Promise.all(checks))).toEqual(new Set(['allowed']));
    expect(cost).toEqual({ lookups: 1, signatures: 1 });
    const wrong = forge(token);
    expect(new Set(await Promise.all([check(wrong), check(wrong)]))).toEqual(new Set(['signature_invalid']));
    expect(cost.signatures).toBe(2);
  });

  it('who gives up does not take the work from the others who wait for it', async () => {
    const gate = deferred<KeyRecord>();
    const keys: KeySource = { get: () => gate.promise, peek: () => piped.record };
    const { check } = create({ keys, limits: { maxTurnMs: 0 } });
    const token = await piped.sign();
    const leaving = new AbortController();
    const [first, second] = [check(token, '192.0.2.1', leaving.signal), check(token)];
    leaving.abort();
    expect(await first).toBe('check_timeout');
    gate.resolve(piped.record);
    expect(await second).toBe('allowed');
  });
});

it('what finds no time in its turn is verified in later ones, once each, and others go on between them', async () => {
  const { ask, cost } = create({ limits: { threads: false, maxTurnMs: 1 } });
  const tokens = await Promise.all(Array.from({ length: 200 }, () => piped.sign()));
  const last = tokens.at(-1) as string;
  const answers = [...tokens, last, last].map(token => ask(token));
  const atOnce = answers.filter(answer => !(answer instanceof Promise)).length;
  expect(atOnce).toBeGreaterThan(0);
  expect(atOnce).toBeLessThan(tokens.length);
  let turns = 0;
  let isCounting = true;
  setImmediate(function count() {
    turns++;
    if (isCounting) setImmediate(count);
  });
  const settled = await Promise.all(answers);
  isCounting = false;
  expect(new Set(settled.map(principal => principal.piped))).toEqual(new Set([piped.record.piped]));
  expect(cost.signatures).toBe(tokens.length);
  expect(turns).toBeGreaterThan(1);
});

it('a key that is revoked while a credential waits for its turn is not believed', async () => {
  const known = new Map([[piped.kid, piped.record]]);
  const { ask } = create({ keys: memoryKeys(known), limits: { threads: false, maxTurnMs: 1 } });
  const tokens = await Promise.all(Array.from({ length: 100 }, () => piped.sign()));
  const waiting = tokens.map(token => ask(token)).filter(answer => answer instanceof Promise);
  known.set(piped.kid, { ...piped.record, keyStatus: 'revoked', revision: piped.record.revision + 1 });
  expect(waiting.length).toBeGreaterThan(0);
  const codes = await Promise.all(waiting.map(answer => codeOf(() => answer)));
  expect(new Set(codes)).toEqual(new Set(['key_revoked']));
});

describe('a flood of forgeries under the kid of a victim', () => {
  it('costs each turn of the event loop no more time than is set, and no trust of others', async () => {
    const { check, cost } = create({ limits: { forgedBurst: 3, maxSuspectRunning: 1, maxSuspectWaiting: 0 } });
    const forgeries = await Promise.all(Array.from({ length: 10 }, async () => forge(await piped.sign())));
    const codes: string[] = [];
    for (const token of forgeries) codes.push(await check(token, '198.51.100.7'));
    expect(new Set(codes)).toEqual(new Set(['signature_invalid']));
    expect(cost.lookups).toBeGreaterThan(0);
    expect(await check(await piped.sign(), '192.0.2.1')).toBe('allowed');
  });

  it('throttles the address that it comes from, and never the victim', async () => {
    const limits = { forgedBurst: 3, maxSuspectRunning: 1, maxSuspectWaiting: 0, freshBurst: 5 };
    const { check } = create({ limits });
    const forgeries = await Promise.all(Array.from({ length: 40 }, async () => forge(await piped.sign())));
    const codes = await Promise.all(forgeries.map(token => check(token, '198.51.100.7')));
    expect(codes.filter(code => code === 'throttled').length).toBeGreaterThan(30);
    expect(new Set(codes)).toEqual(new Set(['signature_invalid', 'throttled']));
    expect(await check(await piped.sign(), '192.0.2.1')).toBe('allowed');
    // Nor does it where they share an address, unless the lane is full at that moment.
    expect(await check(await piped.sign(), '198.51.100.7')).toBe('allowed');
  });
});
