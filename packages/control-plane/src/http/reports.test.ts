import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES } from '../testing/databases.test.support.ts';
import { AUTH_SERVER_TOKEN, type Json, names, startTestPlane, type TestPlane } from '../testing/plane.test.support.ts';

describe.each(DATABASES)('what auth servers report, on $name', database => {
  let test: TestPlane;
  const newName = names('piped');
  beforeAll(async () => {
    test = await startTestPlane(database);
  });
  afterAll(() => test[Symbol.asyncDispose]());

  const report = (body: object, token = AUTH_SERVER_TOKEN) =>
    test.call('POST', '/v1/reports/usage', { token, body: { keys: [], refusals: [], dropped: 0, ...body } });
  const used = (kid: string, lastUsedAt = seconds()) => report({ keys: [{ kid, lastUsedAt }] });
  const seconds = () => test.clock.now / 1000;
  const keysOf = async (piped: string) => (await test.call('GET', `/v1/projects/shop/pipeds/${piped}/keys`)).body.items;
  const pipedOf = async (piped: string) => {
    const { items } = (await test.call('GET', '/v1/pipeds?project=shop')).body;
    return items.find((item: Json) => item.piped === piped);
  };
  const withKeys = async (count: number) => {
    const piped = newName();
    await test.register('shop', piped);
    const kids: string[] = [];
    for (let n = 0; n < count; n++) {
      test.clock.now += 1000;
      kids.push((await test.generate('shop', piped)).kid);
    }
    return { piped, kids: kids as [string, ...string[]] };
  };

  it('shows when each key was last used, and never an earlier time', async () => {
    const { piped, kids } = await withKeys(2);
    expect((await pipedOf(piped)).lastSeenAt).toBeUndefined();
    const at = seconds();
    expect((await used(kids[0], at - 10)).body).toEqual({ taken: 1 });
    await used(kids[0], at - 20);
    expect(await keysOf(piped)).toMatchObject([{ kid: kids[0], lastUsedAt: at - 10 }, { kid: kids[1] }]);
    expect((await keysOf(piped))[1]).not.toHaveProperty('lastUsedAt');
    // An auth server whose clock is ahead does not see into the future.
    await used(kids[1] ?? '', at + 3600);
    expect((await pipedOf(piped)).lastSeenAt).toBe(at);
  });

  it('counts what was refused of a piped, with the last reason; verified apart from claimed', async () => {
    const { piped, kids } = await withKeys(2);
    const at = seconds();
    const refusal = (
      kid: string | undefined,
      verified: boolean,
      count: number,
      lastReason: string,
      lastAt: number,
    ) => ({
      ...{ kid, verified, count, lastReason, lastAt },
    });
    await report({
      refusals: [
        refusal(kids[0], true, 3, 'expired', at - 5),
        refusal(kids[1], true, 1, 'key_revoked', at - 9),
        refusal(kids[0], false, 1000, 'signature_invalid', at),
      ],
    });
    await report({ refusals: [refusal(kids[0], true, 2, 'scope_denied', at - 7)] });
    expect((await pipedOf(piped)).refusals).toEqual({
      verified: { count: 6, lastReason: 'expired', lastAt: at - 5 },
      claimed: { count: 1000, lastReason: 'signature_invalid', lastAt: at },
    });
    expect((await pipedOf((await withKeys(1)).piped)).refusals).toEqual({});
  });

  it('leaves out keys that are not there, and makes no revision and no audit row', async () => {
    const { kids } = await withKeys(1);
    const before = [await test.revision(), (await test.call('GET', '/v1/audit')).body.items.length];
    const answer = await report({
      keys: [
        { kid: 'A'.repeat(43), lastUsedAt: 1 },
        { kid: kids[0], lastUsedAt: 1 },
      ],
      refusals: [{ kid: 'E'.repeat(43), verified: false, count: 1, lastReason: 'expired', lastAt: 1 }],
      dropped: 7,
    });
    expect(answer.body).toEqual({ taken: 1 });
    expect([await test.revision(), (await test.call('GET', '/v1/audit')).body.items.length]).toEqual(before);
    const metrics = (await test.call('GET', '/metrics', { token: null })).body;
    expect(metrics).toContain('spanpass_control_plane_usage_reported_total{result="dropped"} 7');
  });

  it('takes reports at the same time on the same keys', async () => {
    const { piped, kids } = await withKeys(2);
    const at = seconds();
    const all = { keys: kids.map(kid => ({ kid, lastUsedAt: at })) };
    const refusals = kids.map(kid => ({ kid, verified: true, count: 1, lastReason: 'expired', lastAt: at }));
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        report({
          keys: n % 2 ? all.keys : [...all.keys].reverse(),
          refusals: n % 2 ? refusals : [...refusals].reverse(),
        }),
      ),
    );
    expect(answers.map(({ body }) => body)).toEqual(answers.map(() => ({ taken: 4 })));
    expect((await pipedOf(piped)).refusals.verified.count).toBe(20);
  });

  it('bounds a report', async () => {
    const kid = 'A'.repeat(43);
    const many = Array.from({ length: 501 }, () => ({ kid, lastUsedAt: 1 }));
    expect((await report({ keys: many })).body).toMatchObject({ status: 400, code: 'invalid_request' });
    expect((await report({ keys: many.slice(1) })).status).toBe(200);
    const huge = { refusals: [{ kid, verified: true, count: 1, lastReason: 'x'.repeat(300_000), lastAt: 1 }] };
    expect((await report(huge)).body).toMatchObject({ status: 413, code: 'payload_too_large' });
    for (const lastReason of ['', 'Bad reason', '<b>']) {
      const refusals = [{ kid, verified: true, count: 1, lastReason, lastAt: 1 }];
      expect((await report({ refusals })).body).toMatchObject({ status: 400 });
    }
  });

  it('keeps the last key that a piped is known to use from being revoked without force', async () => {
    const { piped, kids } = await withKeys(2);
    const [first, second = ''] = kids;
    const revoke = (kid: string, query = '') => test.call('POST', `/v1/keys/${kid}/revoke${query}`);
    await used(first);
    const refused = await revoke(first);
    expect(refused).toMatchObject({ status: 409, body: { code: 'last_key_in_use' } });
    expect((await revoke(first, '?force=false')).status).toBe(409);
    await used(second);
    expect((await revoke(first)).status).toBe(200);
    expect((await revoke(second)).status).toBe(409);
    expect((await revoke(second, '?force=true')).body).toMatchObject({ kid: second, keyStatus: 'revoked' });
    // Repeatable, and what was never seen needs no force.
    expect((await revoke(second)).status).toBe(200);
    const { kid } = await test.generate('shop', piped);
    expect((await revoke(kid)).status).toBe(200);
    expect((await revoke(kid, '?force=yes')).body).toMatchObject({ status: 400, code: 'invalid_request' });
  });
});
