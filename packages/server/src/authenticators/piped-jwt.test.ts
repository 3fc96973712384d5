import type { KeyRecord } from '@spanpass/credential';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { createServer } from '../create-server.ts';
import {
  codeOf,
  createPiped,
  createTestClock,
  memoryKeys,
  NOW_SECONDS,
  now,
  requestWith,
  type TestPiped,
} from '../fixture.test.support.ts';
import type { KeySource } from '../keys/key-source.ts';
import { AuthenticationError } from '../refusals.ts';
import { authenticatorSuite } from '../testing/index.ts';
import { pipedJwt } from './piped-jwt.ts';
import type { VerificationLimits } from './verification-lanes.ts';

let piped: TestPiped;
let stranger: TestPiped;
let token: string;
beforeAll(async () => {
  piped = await createPiped();
  stranger = await createPiped({ project: 'bank', piped: 'edge-9' });
  token = await piped.sign();
});

/** Verifies every signature on another thread. */
const ELSEWHERE = { maxTurnMs: 0, threads: true };
/** Verifies one signature in each turn. */
const LATER = { maxTurnMs: 0, threads: false };

function create(
  records: KeyRecord[] = [piped.record, stranger.record],
  clock: () => number = now,
  limits: VerificationLimits = {},
) {
  const known = new Map(records.map(record => [record.kid, record]));
  const keys = memoryKeys(known);
  const authenticator = pipedJwt({ keys, now: clock, limits });
  const server = createServer({ authenticators: [authenticator], now: clock });
  const check = (authorization: string) => codeOf(() => server.authenticate(requestWith(authorization)));
  return { known, keys, authenticator, server, check };
}

describe.each([
  ['at once', {}],
  ['on another thread', ELSEWHERE],
  ['in a later turn', LATER],
])('verifying %s', (_, limits) =>
  authenticatorSuite(
    {
      name: 'pipedJwt',
      create: async () => ({
        authenticator: create(undefined, now, limits).authenticator,
        good: [requestWith(`Bearer ${token}`), requestWith(`bearer ${await stranger.sign()}`)],
        bad: [
          requestWith('Bearer x'),
          requestWith(`Bearer ${await piped.sign({ audience: 'other' })}`),
          requestWith(`Bearer ${await (await createPiped()).sign()}`),
        ],
        foreign: [requestWith('Bearer project,piped,key')],
      }),
    },
    { describe, it },
  ),
);

describe('a credential whose key is at hand', () => {
  it('is verified without a promise, and refused without one', async () => {
    const { server } = create();
    expect(server.authenticate(requestWith(`Bearer ${token}`))).toMatchObject({ piped: 'edge-1' });
    const forged = `${token.slice(0, -20)}${token.at(-20) === 'A' ? 'B' : 'A'}${token.slice(-19)}`;
    expect(() => server.authenticate(requestWith(`Bearer ${forged}`))).toThrow(
      expect.objectContaining({ code: 'signature_invalid', authenticator: 'piped-jwt' }),
    );
  });

  it('is verified on another thread as soon as a turn has no time left', async () => {
    const { server } = create(undefined, now, { maxTurnMs: 0 });
    const answer = server.authenticate(requestWith(`Bearer ${token}`));
    expect(answer).toBeInstanceOf(Promise);
    expect(await answer).toMatchObject({ piped: 'edge-1' });
  });
});

describe('pipedJwt', () => {
  it('says who sent a request, from the key record and for as long as key and credential last', async () => {
    const { server } = create();
    expect(await server.authenticate(requestWith(`Bearer ${token}`))).toEqual({
      project: 'shop',
      piped: 'edge-1',
      credentialId: piped.kid,
      authenticator: 'piped-jwt',
      scopes: ['traces'],
      expiresAt: NOW_SECONDS + 300,
    });
    const short = create([{ ...piped.record, notAfter: NOW_SECONDS + 7 }]);
    const principal = await short.server.authenticate(requestWith(`Bearer ${token}`));
    expect(principal.expiresAt).toBe(NOW_SECONDS + 7);
  });

  it('refuses a forged signature, and a key that belongs to somebody else', async () => {
    const { check } = create();
    const [header, claims] = token.split('.');
    const [, , otherSignature] = (await piped.sign()).split('.');
    expect(await check(`Bearer ${header}.${claims}.${otherSignature}`)).toBe('signature_invalid');
    const records = [{ ...stranger.record, kid: piped.kid }];
    expect(await create(records).check(`Bearer ${token}`)).toBe('signature_invalid');
    const claimed = { ...piped.record, project: 'bank' };
    expect(await create([claimed]).check(`Bearer ${token}`)).toBe('project_mismatch');
  });

  it('refuses a record under a kid that is not its own', async () => {
    const keys = memoryKeys(new Map([[piped.kid, { ...piped.record, kid: stranger.kid }]]));
    const server = createServer({ authenticators: [pipedJwt({ keys, now })], now });
    expect(await codeOf(() => server.authenticate(requestWith(`Bearer ${token}`)))).toBe('kid_mismatch');
  });

  it('looks nothing up for what can be refused by its form', async () => {
    const { check, keys } = create();
    const hash = 'A'.repeat(43);
    const tooLarge = 'a'.repeat(8193);
    expect([await check('Bearer x'), await check('Bearer '), await check(`Bearer ${tooLarge}`)]).toEqual([
      'credential_malformed',
      'credential_malformed',
      'credential_too_large',
    ]);
    const renewal = await piped.sign({ purpose: 'renewal', lifetimeSeconds: 60, bodyHash: hash });
    expect(await check(`Bearer ${renewal}`)).toBe('typ_mismatch');
    expect(await check(`Bearer ${token},${token}`)).toBe('credential_multiple');
    expect(await check('Bearer project,piped,key')).toBe('credential_multiple');
    expect(keys.asked).toBe(0);
  });

  it('refuses a key that nobody has', async () => {
    expect(await create([]).check(`Bearer ${token}`)).toBe('key_unknown');
  });

  it('leaves a foreign type of JWS to others, and a renewal to nobody', async () => {
    const { authenticator } = create();
    const [, claims, signature] = token.split('.');
    const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid: piped.kid, typ: 'at+jwt' })).toString('base64url');
    const ask = (authorization: string) =>
      authenticator.authenticate(requestWith(authorization), AbortSignal.timeout(1000));
    const foreign = await ask(`Bearer ${header}.${claims}.${signature}`);
    expect(foreign).toMatchObject({ kind: 'not-mine', closest: { code: 'typ_mismatch' } });
    const exchange = await piped.sign({ purpose: 'tokenExchange', audience: 'issuer' });
    expect(await ask(`Bearer ${exchange}`)).toMatchObject({ kind: 'refused', error: { code: 'typ_mismatch' } });
  });

  it('names the owner of a refused credential only behind a good signature', async () => {
    const refusal = async (authorization: string, record: KeyRecord) => {
      try {
        await create([record]).server.authenticate(requestWith(authorization));
      } catch (error) {
        if (error instanceof AuthenticationError) return [error.code, error.owner?.piped];
      }
      return [];
    };
    const disabled: KeyRecord = { ...piped.record, pipedStatus: 'disabled' };
    expect(await refusal(`Bearer ${token}`, disabled)).toEqual(['piped_disabled', 'edge-1']);
    const forged = `${token.slice(0, -4)}${token.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
    const [code, owner] = await refusal(`Bearer ${forged}`, disabled);
    expect(['signature_invalid', 'credential_malformed']).toContain(code);
    expect(owner).toBeUndefined();
  });

  it('demands the certificate that the credential is bound to', async () => {
    const thumbprint = 'A'.repeat(43);
    const bound = `Bearer ${await piped.sign({ certificateThumbprint: thumbprint })}`;
    const { server } = create();
    const certificate = { principal: 'spiffe://example/edge-1', thumbprint };
    const from = (peer: object) =>
      codeOf(() => server.authenticate(requestWith(bound, { peer: { address: '', ...peer } })));
    expect(await from({ certificate })).toBe('allowed');
    expect(await from({ certificate: { ...certificate, thumbprint: 'B'.repeat(43) } })).toBe('certificate_mismatch');
    expect(await from({})).toBe('certificate_mismatch');
  });

  it('does not start without an audience', () => {
    expect(() => pipedJwt({ keys: memoryKeys(new Map()), audience: '' })).toThrow(TypeError);
  });
});

describe('what was verified before', () => {
  it('is answered without a promise and without a lookup', async () => {
    const { server, keys } = create();
    const principal = await server.authenticate(requestWith(`Bearer ${token}`));
    const { asked } = keys;
    expect(server.authenticate(requestWith(`Bearer ${token}`))).toBe(principal);
    expect(keys.asked).toBe(asked);
  });

  it.each<[string, Partial<KeyRecord>]>([
    ['key_revoked', { keyStatus: 'revoked' }],
    ['key_retired', { keyStatus: 'retired' }],
    ['piped_disabled', { pipedStatus: 'disabled' }],
    ['project_disabled', { projectStatus: 'disabled' }],
    ['key_expired', { notAfter: NOW_SECONDS }],
  ])('does not outlive a change of the record: %s', async (code, change) => {
    const { known, check } = create();
    expect([await check(`Bearer ${token}`), await check(`Bearer ${token}`)]).toEqual(['allowed', 'allowed']);
    known.set(piped.kid, { ...piped.record, ...change });
    expect(await check(`Bearer ${token}`)).toBe(code);
    known.set(piped.kid, piped.record);
    expect(await check(`Bearer ${token}`)).toBe('allowed');
  });

  it.each<Partial<KeyRecord>>([{ keyStatus: 'revoked' }, { pipedStatus: 'disabled' }, { projectStatus: 'disabled' }])(
    'does not outlive a change within the same record: %o',
    async change => {
      const record = { ...piped.record };
      const { check } = create([record]);
      expect(await check(`Bearer ${token}`)).toBe('allowed');
      Object.assign(record, change);
      expect(await check(`Bearer ${token}`)).not.toBe('allowed');
    },
  );

  it('does not outlive the record at hand', async () => {
    const { known, check } = create();
    expect(await check(`Bearer ${token}`)).toBe('allowed');
    known.delete(piped.kid);
    expect(await check(`Bearer ${token}`)).toBe('key_unknown');
  });

  it('is verified anew in the last minute, when only clocks that disagree save it, and then ends', async () => {
    const clock = createTestClock();
    const { check, server } = create([piped.record], clock.now, ELSEWHERE);
    expect(await check(`Bearer ${token}`)).toBe('allowed');
    clock.advance(299_999);
    expect(server.authenticate(requestWith(`Bearer ${token}`))).not.toBeInstanceOf(Promise);
    clock.advance(1);
    expect(server.authenticate(requestWith(`Bearer ${token}`))).toBeInstanceOf(Promise);
    expect(await check(`Bearer ${token}`)).toBe('allowed');
    clock.advance(60_000);
    expect(await check(`Bearer ${token}`)).toBe('expired');
  });

  it('is verified anew when the clock is set back', async () => {
    const clock = createTestClock();
    const { check } = create([piped.record], clock.now);
    expect(await check(`Bearer ${token}`)).toBe('allowed');
    clock.advance(-60_001);
    expect(await check(`Bearer ${token}`)).toBe('issued_in_future');
  });

  it('never differs from what verifying anew would say', { timeout: 60_000 }, async () => {
    const bad = (await createPiped()).sign();
    const tokens = [token, await piped.sign({ lifetimeSeconds: 1 }), await stranger.sign(), await bad];
    const event = fc.oneof(
      fc.record({
        kind: fc.constant('check' as const),
        token: fc.nat(3),
        path: fc.constantFrom('/v1/traces', '/v1/logs'),
      }),
      fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: -400_000, max: 400_000 }) }),
      fc.record({
        kind: fc.constant('change' as const),
        who: fc.nat(1),
        change: fc.constantFrom<Partial<KeyRecord> | undefined>(
          {},
          { keyStatus: 'revoked' },
          { pipedStatus: 'disabled' },
          { projectStatus: 'disabled' },
          { scopes: ['logs'] },
          { notAfter: NOW_SECONDS + 100 },
          { notBefore: NOW_SECONDS + 100 },
          undefined,
        ),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), async events => {
        const clock = createTestClock();
        const { known, server } = create(undefined, clock.now);
        for (const step of events) {
          if (step.kind === 'time') clock.advance(step.ms);
          else if (step.kind === 'change') {
            const { record } = step.who === 0 ? piped : stranger;
            if (step.change === undefined) known.delete(record.kid);
            else known.set(record.kid, { ...record, ...step.change });
          } else {
            const request = requestWith(`Bearer ${tokens[step.token]}`, { path: step.path });
            const anew = createServer({
              authenticators: [pipedJwt({ keys: memoryKeys(known), now: clock.now })],
              now: clock.now,
            });
            const remembered = await codeOf(() => server.authenticate(request));
            expect(remembered).toBe(await codeOf(() => anew.authenticate(request)));
          }
        }
      }),
      { numRuns: 150, seed: 20_260_101 },
    );
  });
});

describe('a key that changes while its credential is being verified', () => {
  /** Changes the record at hand just after it was handed out. */
  function changing(changes: (Partial<KeyRecord> | undefined)[]): KeySource {
    let current = piped.record;
    const rest = [...changes];
    return {
      get: () => {
        const handedOut = current;
        const change = rest.shift();
        if (change) current = { ...current, ...change };
        return handedOut;
      },
      peek: () => current,
    };
  }

  const verify = (keys: KeySource) => {
    const server = createServer({ authenticators: [pipedJwt({ keys, now, limits: ELSEWHERE })], now });
    return codeOf(() => server.authenticate(requestWith(`Bearer ${token}`)));
  };

  it('is verified as it is afterwards', async () => {
    expect(await verify(changing([{ keyStatus: 'revoked' }]))).toBe('key_revoked');
    expect(await verify(changing([{ revision: 2 }]))).toBe('allowed');
  });

  it('is not waited for without end', async () => {
    expect(await verify(changing(Array.from({ length: 9 }, (_, revision) => ({ revision }))))).toBe(
      'key_source_unavailable',
    );
  });
});
