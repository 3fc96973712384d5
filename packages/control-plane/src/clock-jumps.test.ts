import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyAuditChain } from './audit/verify-chain.ts';
import { DATABASES } from './testing/databases.test.support.ts';
import { followChanges, isHeartbeat } from './testing/event-stream.test.support.ts';
import { AUTH_SERVER_TOKEN, names, newPair, startTestPlane, type TestPlane } from './testing/plane.test.support.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The wall clock of the control plane alone: what a bad time server does. */
describe.each(DATABASES)('a clock that jumps, on $name', database => {
  let test: TestPlane;
  const newName = names('piped');
  beforeAll(async () => {
    test = await startTestPlane(database);
  });
  afterAll(() => test[Symbol.asyncDispose]());

  /** Does something `ms` from now, and comes back. */
  async function at<T>(ms: number, work: () => Promise<T>): Promise<T> {
    test.clock.now += ms;
    try {
      return await work();
    } finally {
      test.clock.now -= ms;
    }
  }

  it('ends no enrollment token for good by going ahead, and opens no used one by going back', async () => {
    const { enrollmentToken } = await test.register('shop', newName());
    const [pair, other] = [await newPair(), await newPair()];
    const ahead = await at(2 * HOUR_MS, () => test.enroll(enrollmentToken, pair));
    expect(ahead).toMatchObject({ status: 401, body: { code: 'enrollment_token_invalid' } });
    expect((await test.enroll(enrollmentToken, pair)).status).toBe(201);
    for (const ms of [-2 * HOUR_MS, -DAY_MS]) {
      const answer = await at(ms, () => test.enroll(enrollmentToken, other));
      expect(answer).toMatchObject({ status: 401, body: { code: 'enrollment_token_invalid' } });
    }
  });

  it('revives nothing that was revoked', async () => {
    const piped = newName();
    await test.register('shop', piped);
    const { kid } = await test.generate('shop', piped);
    await test.call('POST', `/v1/keys/${kid}/revoke`);
    const body = { name: 'jumping', role: 'viewer' };
    const { body: made } = await test.call('POST', '/v1/tokens', { body });
    await test.call('POST', `/v1/tokens/${made.id}/revoke`);
    for (const ms of [-DAY_MS, DAY_MS]) {
      await at(ms, async () => {
        expect((await test.call('GET', `/v1/keys/${kid}`)).body.keyStatus).toBe('revoked');
        expect((await test.call('GET', '/v1/pipeds', { token: made.token })).status).toBe(401);
      });
    }
  });

  it('counts a key as active no longer than it lives, and shows followers its times as they are', async () => {
    const piped = newName();
    await test.register('shop', piped);
    const behind = await at(-DAY_MS, () => test.generate('shop', piped));
    const now = await test.generate('shop', piped);
    expect(now.notAfter - behind.notAfter).toBe(DAY_MS / 1000);
    const third = await test.call('POST', `/v1/projects/shop/pipeds/${piped}/keys`, { body: { generate: true } });
    expect(third).toMatchObject({ status: 409, body: { code: 'too_many_keys' } });
  });

  it('changes neither the order of changes nor the beat of the feed, and skips nothing in lists', async () => {
    const since = await test.revision();
    await using follower = await followChanges(test.url, AUTH_SERVER_TOKEN, { since });
    const pipeds = [newName(), newName(), newName(), newName()];
    for (const [n, ms] of [0, -DAY_MS, DAY_MS, -HOUR_MS].entries()) {
      await at(ms, () => test.register('shop', String(pipeds[n])));
    }
    const events = await follower.until(({ data }) => data.piped === pipeds.at(-1));
    const changes = events.filter(({ event }) => event === 'change');
    expect(changes.map(({ data }) => [data.revision, data.piped])).toEqual(
      pipeds.map((piped, n) => [since + n + 1, piped]),
    );
    const before = performance.now();
    await at(-DAY_MS, () => follower.until(isHeartbeat));
    expect(performance.now() - before).toBeLessThan(3000);

    const seen: string[] = [];
    for (let after = ''; ; ) {
      const { body } = await test.call('GET', `/v1/pipeds?limit=1${after}`);
      seen.push(...body.items.map((item: { piped: string }) => item.piped));
      if (body.next === undefined) break;
      after = `&after=${body.next}`;
    }
    expect(seen.filter(piped => pipeds.includes(piped)).sort()).toEqual([...pipeds].sort());
  });

  it('leaves the chain of the audit whole: rows say when, and their numbers in which order', async () => {
    const { body } = await test.call('GET', '/v1/audit');
    expect(await verifyAuditChain(body.items)).toMatchObject({ intact: true, rows: body.items.length });
    const times = body.items.map(({ atMs }: { atMs: number }) => atMs);
    expect(times).not.toEqual([...times].sort((a, b) => a - b));
  });
});
