import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { codeOf, createPiped, memoryKeys, requestWith } from '../fixture.test.support.ts';
import type { KeySource } from '../keys/key-source.ts';
import type { Observer } from '../observer.ts';
import type { ShadowResult } from '../shadow/shadow-rule.ts';
import { refusingAuthenticator } from '../testing/doubles.ts';
import type { AuthServerRules } from './options.ts';
import { serverOf } from './rules.ts';

async function tryOn(rules: AuthServerRules, audience: string) {
  const piped = await createPiped();
  let lookups = 0;
  const memory = memoryKeys(new Map([[piped.kid, { ...piped.record, notAfter: 4_000_000_000 }]]));
  const keys: KeySource = {
    // As at a server that has just started, nothing is at hand before it was looked up.
    peek: kid => (lookups > 0 ? memory.peek(kid) : undefined),
    get: (kid, question) => {
      lookups++;
      return memory.get(kid, question);
    },
  };
  const results: ShadowResult[] = [];
  const signatures: string[] = [];
  const observer: Observer = {
    shadow: result => results.push(result),
    signature: (_, result) => signatures.push(result),
  };
  const server = serverOf(rules, {
    keys,
    observer,
    pipecd: { deciding: refusingAuthenticator(), tried: refusingAuthenticator() },
  });
  const pass = await piped.sign({ audience, now: Date.now });
  const code = await codeOf(() => server.authenticate(requestWith(`Bearer ${pass}`)));
  for (let turn = 0; turn < 1000 && results.length === 0; turn++) await nextTurn();
  return { code, lookups, signatures, result: results[0], load: server.load };
}

it('another audience is tried with the keys at hand, and its signatures are not counted', async () => {
  const shadow = { rule: 'other-audience', gatewayAudience: 'new', authenticators: ['piped-jwt'] } as const;
  const { code, lookups, signatures, result, load } = await tryOn({ gatewayAudience: 'old', shadow }, 'old');
  expect([code, lookups, signatures]).toEqual(['allowed', 1, ['valid']]);
  expect(result).toMatchObject({ agreement: 'would_refuse', tried: 'audience_mismatch', owner: { piped: 'edge-1' } });
  expect(load).toMatchObject({ waitingChecks: 0, rememberedDecisions: 1, queues: [] });
});

it('signed credentials are tried beside a chain that does not know them, and then looked up', async () => {
  const shadow = { rule: 'signed', authenticators: ['piped-jwt'] } as const;
  const deciding = { ...refusingAuthenticator('static_key_invalid'), name: 'pipecd-key' };
  const { code, lookups, result } = await tryOn({ authenticators: [deciding], shadow }, 'spanpass-gateway');
  expect([code, lookups]).toEqual(['static_key_invalid', 1]);
  expect(result).toMatchObject({ agreement: 'would_allow', triedOwner: { piped: 'edge-1' } });
});

it('an audience without a chain is a mistake', async () => {
  const shadow = { rule: 'a', gatewayAudience: 'new', scopes: ['traces'] } as const;
  await expect(tryOn({ shadow }, 'x')).rejects.toThrow(TypeError);
});
