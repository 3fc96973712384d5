import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Signal } from '@spanpass/credential';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Authenticator, AuthenticatorOutcome, Principal } from '../contract.ts';
import { createServer } from '../create-server.ts';
import { codeOf, createTestClock, deferred, requestWith } from '../fixture.test.support.ts';
import { AuthenticationError, type RefusalCode } from '../refusals.ts';
import {
  allowingAuthenticator,
  indifferentAuthenticator,
  refusingAuthenticator,
  SOMEBODY,
} from '../testing/doubles.ts';
import { keysAtHand } from './keys-at-hand.ts';
import { shadowLog } from './shadow-log.ts';
import type { ShadowResult, ShadowRule } from './shadow-rule.ts';

afterEach(() => {
  vi.useRealTimers();
});

const allow = allowingAuthenticator();
const request = requestWith('Bearer a');
const authenticator = (authenticate: Authenticator['authenticate']): Authenticator => ({
  name: 'tried',
  restsOn: 'request',
  authenticate,
});

function createShadowed(deciding: Authenticator, shadow: Omit<ShadowRule, 'rule'>, checkTimeoutMs?: number) {
  const results: ShadowResult[] = [];
  const server = createServer({
    authenticators: [deciding],
    observer: { shadow: result => results.push(result) },
    shadow: { rule: 'new-rule', ...shadow },
    ...(checkTimeoutMs !== undefined && { checkTimeoutMs }),
  });
  const agreements = () => results.map(({ agreement }) => agreement);
  return { server, results, agreements };
}

async function untilTold(results: readonly unknown[], count = 1): Promise<void> {
  for (let turn = 0; turn < 1000 && results.length < count; turn++) await nextTurn();
  expect(results).toHaveLength(count);
}

const other: Principal = { ...SOMEBODY, piped: 'edge-2' };

describe('a chain that is tried', () => {
  it.each<[string, Authenticator, Authenticator, Partial<ShadowResult>]>([
    ['the same', allow, allow, { agreement: 'agree', decided: 'allowed', tried: 'allowed' }],
    [
      'one that refuses',
      allow,
      refusingAuthenticator('expired'),
      { agreement: 'would_refuse', decided: 'allowed', tried: 'expired' },
    ],
    [
      'one that knows nobody',
      allow,
      indifferentAuthenticator(),
      { agreement: 'would_refuse', tried: 'credential_missing' },
    ],
    [
      'one that allows',
      refusingAuthenticator('expired'),
      allow,
      { agreement: 'would_allow', decided: 'expired', tried: 'allowed' },
    ],
    [
      'one with another reason',
      refusingAuthenticator('expired'),
      refusingAuthenticator('key_unknown'),
      { agreement: 'other_reason', decided: 'expired', tried: 'key_unknown' },
    ],
    ['one that knows another', allow, allowingAuthenticator(other), { agreement: 'other_identity' }],
    [
      'one that can not tell',
      allow,
      refusingAuthenticator('key_source_unavailable'),
      { agreement: 'undecided', tried: 'key_source_unavailable' },
    ],
    [
      'one that throws',
      allow,
      authenticator(() => {
        throw new Error('a bug');
      }),
      { agreement: 'undecided', tried: 'internal_error' },
    ],
    [
      'one that names nobody who can be named',
      allow,
      allowingAuthenticator({ ...SOMEBODY, piped: 'a\nb' }),
      { agreement: 'undecided', tried: 'internal_error' },
    ],
  ])('%s: the answer stays, and the comparison is told', async (_, deciding, tried, expected) => {
    const { server, results } = createShadowed(deciding, { authenticators: [tried] });
    const alone = await codeOf(() => createServer({ authenticators: [deciding] }).authenticate(request));
    expect(await codeOf(() => server.authenticate(request))).toBe(alone);
    await untilTold(results);
    expect(results[0]).toMatchObject({ rule: 'new-rule', ...expected });
  });

  it('lets nobody in whom the deciding one refused, not even at once', () => {
    const { server } = createShadowed(refusingAuthenticator('expired'), { authenticators: [allow] });
    expect(() => server.authenticate(request)).toThrow(AuthenticationError);
  });

  it('is not waited for: an answer that needs no promise needs none, and comes before the chain is asked', async () => {
    let asked = 0;
    const tried = authenticator(() => {
      asked++;
      return { kind: 'not-mine' };
    });
    const { server, results } = createShadowed(allow, { authenticators: [tried] });
    expect(server.authenticate(request)).toBe(SOMEBODY);
    expect(asked).toBe(0);
    await untilTold(results);
    expect(asked).toBe(1);
  });

  it('compares an answer that was waited for', async () => {
    const gate = deferred<AuthenticatorOutcome>();
    const { server, results } = createShadowed(
      authenticator(() => gate.promise),
      { authenticators: [allow] },
    );
    const code = codeOf(() => server.authenticate(request));
    await nextTurn();
    expect(results).toEqual([]);
    gate.resolve({ kind: 'refused', error: new AuthenticationError('piped_disabled', { owner: SOMEBODY }) });
    expect(await code).toBe('piped_disabled');
    await untilTold(results);
    expect(results[0]).toMatchObject({ agreement: 'would_allow', owner: { piped: 'edge-1' } });
  });

  it('that hangs is given up after the time of a check, and meanwhile the rest is counted and dropped', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const hanging = authenticator(() => new Promise(() => {}));
    const { server, results, agreements } = createShadowed(allow, { authenticators: [hanging], maxRunning: 3 }, 50);
    for (let time = 0; time < 10; time++) expect(server.authenticate(request)).toBe(SOMEBODY);
    expect(agreements()).toEqual(Array(7).fill('dropped'));
    await nextTurn();
    await vi.advanceTimersByTimeAsync(50);
    expect(agreements().slice(7)).toEqual(Array(3).fill('undecided'));
    expect(results.at(-1)?.tried).toBe('check_timeout');
    server.authenticate(request);
    await nextTurn();
    await vi.advanceTimersByTimeAsync(50);
    expect(agreements().slice(10)).toEqual(['undecided']);
  });

  it('changes nothing when whoever is told of it fails', async () => {
    let told = 0;
    const observer = {
      shadow: () => {
        told++;
        throw new Error('a bug');
      },
    };
    for (const shadow of [
      { rule: 'a', authenticators: [allow] },
      { rule: 'a', scopes: ['logs'] as const },
    ]) {
      for (const deciding of [
        allow,
        authenticator(async () => allow.authenticate(request, new AbortController().signal)),
      ]) {
        const server = createServer({ authenticators: [deciding], observer, shadow });
        expect(await server.authenticate(request)).toBe(SOMEBODY);
      }
    }
    for (let turn = 0; turn < 1000 && told < 4; turn++) await nextTurn();
    expect(told).toBe(4);
  });

  it('is bounded under a flood, which is answered all the same', async () => {
    const { server, results, agreements } = createShadowed(allow, { authenticators: [allow], maxRunning: 64 });
    for (let time = 0; time < 10_000; time++) expect(server.authenticate(request)).toBe(SOMEBODY);
    await untilTold(results, 10_000);
    expect(agreements().filter(agreement => agreement === 'agree')).toHaveLength(64);
  });

  it('is not tried where nothing could be decided', async () => {
    let asked = 0;
    const tried = authenticator(() => {
      asked++;
      return { kind: 'not-mine' };
    });
    const { server, results } = createShadowed(refusingAuthenticator('overloaded'), { authenticators: [tried] });
    expect(await codeOf(() => server.authenticate(request))).toBe('overloaded');
    await untilTold(results);
    expect([results[0]?.agreement, asked]).toEqual(['undecided', 0]);
  });
});

describe('scopes that are tried', () => {
  const traces: readonly Signal[] = ['traces'];
  const onLogs = requestWith('Bearer a', { path: '/v1/logs' });
  const tracesOnly = allowingAuthenticator({ ...SOMEBODY, scopes: traces });

  it.each<[string, Authenticator, readonly Signal[], typeof request, RefusalCode | 'allowed', Partial<ShadowResult>]>([
    ['narrower, on what they leave', allow, traces, request, 'allowed', { agreement: 'agree' }],
    [
      'narrower, on what they take away',
      allow,
      traces,
      onLogs,
      'allowed',
      { agreement: 'would_refuse', tried: 'scope_denied' },
    ],
    [
      'wider, on what they add',
      tracesOnly,
      ['logs', 'traces'],
      onLogs,
      'scope_denied',
      { agreement: 'would_allow', tried: 'allowed' },
    ],
    ['of no use to a refused one', refusingAuthenticator('expired'), traces, onLogs, 'expired', { agreement: 'agree' }],
  ])('%s', async (_, deciding, scopes, asked, answer, expected) => {
    const { server, results } = createShadowed(deciding, { scopes });
    expect(await codeOf(() => server.authenticate(asked))).toBe(answer);
    await untilTold(results);
    expect(results[0]).toMatchObject(expected);
  });

  it('are a part of a chain that is tried', async () => {
    const { server, results } = createShadowed(allow, { authenticators: [allow], scopes: traces });
    await server.authenticate(onLogs);
    await untilTold(results);
    expect(results[0]).toMatchObject({ agreement: 'would_refuse', tried: 'scope_denied' });
  });
});

describe('a rule that can not be meant', () => {
  it.each<[string, ShadowRule]>([
    ['has no name', { rule: '', scopes: ['traces'] }],
    ['has a name that no label should have', { rule: 'a{b}', scopes: ['traces'] }],
    ['tries nothing', { rule: 'a' }],
    ['has an empty chain', { rule: 'a', authenticators: [] }],
    ['is bound by nothing', { rule: 'a', scopes: ['traces'], maxRunning: Number.NaN }],
  ])('%s', (_, shadow) => {
    expect(() => createServer({ authenticators: [allow], shadow })).toThrow(TypeError);
  });
});

describe('the log of a tried rule', () => {
  const result = (changes: Partial<ShadowResult>): ShadowResult => ({
    rule: 'new-rule',
    agreement: 'would_refuse',
    decided: 'allowed',
    tried: 'expired',
    ...changes,
  });

  function createLog() {
    const lines: Record<string, unknown>[] = [];
    const logger = pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(JSON.parse(line)) });
    const clock = createTestClock(0);
    const log = shadowLog(logger, { now: clock.now });
    return { lines, clock, tell: (changes: Partial<ShadowResult>) => log.shadow?.(result(changes)) };
  }

  it('names both reasons, and nobody but who was verified', () => {
    const { lines, tell } = createLog();
    tell({ owner: SOMEBODY });
    tell({ agreement: 'would_allow', decided: 'key_unknown', tried: 'allowed', triedOwner: SOMEBODY });
    tell({ agreement: 'other_reason', decided: 'expired', tried: 'key_unknown' });
    expect(lines).toEqual([
      {
        level: 30,
        rule: 'new-rule',
        agreement: 'would_refuse',
        decided: 'allowed',
        tried: 'expired',
        docs: 'docs/reference/refusals.md#expired',
        project: 'shop',
        piped: 'edge-1',
        msg: 'a tried rule disagrees',
      },
      expect.objectContaining({ decided: 'key_unknown', tried: 'allowed', triedProject: 'shop', triedPiped: 'edge-1' }),
      expect.not.objectContaining({ piped: expect.anything() }),
    ]);
  });

  it('is silent where they agree, and bounded where they do not', () => {
    const { lines, clock, tell } = createLog();
    tell({ agreement: 'agree' });
    tell({ agreement: 'dropped' });
    for (let time = 0; time < 5; time++) tell({});
    clock.advance(1000);
    tell({});
    expect(lines.map(({ suppressed }) => suppressed)).toEqual([undefined, 4]);
  });
});

describe('keys at hand', () => {
  it('are looked at, and never looked up', async () => {
    const keys = keysAtHand({
      get: () => {
        throw new Error('looked up');
      },
      peek: kid => (kid === 'known' ? ({ kid } as never) : undefined),
    });
    const question = { signal: new AbortController().signal, peerAddress: '' };
    expect(keys.get('known', question)).toEqual({ kid: 'known' });
    expect(await codeOf(() => keys.get('other', question))).toBe('key_source_unavailable');
  });
});
