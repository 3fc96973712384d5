import { parseKeyRecord } from '@spanpass/credential';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES } from '../testing/databases.test.support.ts';
import { followChanges } from '../testing/event-stream.test.support.ts';
import { AUTH_SERVER_TOKEN, names, newPair, startTestPlane, type TestPlane } from '../testing/plane.test.support.ts';
import { enrolled, type Holder, renewalOf, renewed, send } from '../testing/renewal.test.support.ts';

const OVERLAP_MS = 600_000;
const DAY_MS = 86_400_000;

describe.each(DATABASES)('renewal on $name', database => {
  let test: TestPlane;
  const newName = names('piped');

  beforeAll(async () => {
    test = await startTestPlane(database, { enrollRate: { burst: 1000, perSecond: 1000 }, retireEveryMs: 20 });
  });
  afterAll(() => test[Symbol.asyncDispose]());

  const record = async (kid: string) => (await test.call('GET', `/v1/keys/${kid}`)).body;
  const auditOf = async (piped: string) => {
    const { items } = (await test.call('GET', '/v1/audit?limit=1000')).body;
    return items.filter((row: { target: { piped?: string } }) => row.target.piped === piped);
  };

  const seen = async ({ kid }: { kid: string }) => {
    const report = { keys: [{ kid, lastUsedAt: test.clock.now / 1000 }], refusals: [], dropped: 0 };
    const answer = await test.call('POST', '/v1/reports/usage', { token: AUTH_SERVER_TOKEN, body: report });
    expect(answer.body).toEqual({ taken: 1 });
  };

  it('adds the new key beside the old one, and says so in one write', async () => {
    const holder = await enrolled(test, newName());
    test.clock.now += 60 * DAY_MS;
    const before = await test.revision();
    const next = await newPair('EdDSA');
    const answer = await renewed(test, holder, next);
    const nowSeconds = test.clock.now / 1000;
    expect(answer.status).toBe(201);
    expect(Object.keys(answer.body)).toEqual(['record']);
    expect(await parseKeyRecord(answer.body.record)).toMatchObject({
      ...{ kid: next.kid, alg: 'EdDSA', project: 'shop', piped: holder.piped, keyStatus: 'active' },
      ...{ notAfter: nowSeconds + 90 * 86_400, revision: before + 1 },
    });
    expect(await record(holder.pair.kid)).toMatchObject({ keyStatus: 'active', revision: before + 2 });
    const rows = (await auditOf(holder.piped)).slice(-2);
    const actor = { role: 'renewal', tokenId: holder.pair.kid, peerAddress: '127.0.0.1' };
    expect(rows).toMatchObject([
      { actor, action: 'key.renewed', target: { kid: next.kid }, revision: before + 1 },
      { actor, action: 'key.superseded', target: { kid: holder.pair.kid }, revision: before + 2 },
    ]);
  });

  it('retires the old key when the new one has been seen and the overlap has ended, and tells followers', async () => {
    const holder = await enrolled(test, newName());
    const since = await test.revision();
    const follower = await followChanges(test.url, AUTH_SERVER_TOKEN, { since });
    const next = await newPair();
    await renewed(test, holder, next);
    await seen(next);
    test.clock.now += OVERLAP_MS;
    const events = await follower.until(
      ({ data }) => data.record?.kid === holder.pair.kid && data.record.keyStatus === 'retired',
    );
    follower.close();
    // Keys of the tests before come to their ends as well.
    const records = events.flatMap(({ data }) => (data.record?.piped === holder.piped ? [data.record] : []));
    expect(records).toMatchObject([
      { kid: next.kid, keyStatus: 'active' },
      { kid: holder.pair.kid, keyStatus: 'active' },
      { kid: holder.pair.kid, keyStatus: 'retired' },
    ]);
    expect((await auditOf(holder.piped)).at(-1)).toMatchObject({ actor: { role: 'system' }, action: 'key.retired' });
  });

  it('keeps the old key for as long as it lives where the new one is never seen', async () => {
    const holder = await enrolled(test, newName());
    const next = await newPair();
    await renewed(test, holder, next);
    test.clock.now += 20 * DAY_MS;
    // Another piped's key is seen and retires: those that look have looked.
    const other = await enrolled(test, newName());
    const othersNext = await newPair();
    await renewed(test, other, othersNext);
    await seen(othersNext);
    test.clock.now += OVERLAP_MS;
    await expect.poll(async () => (await record(other.pair.kid)).keyStatus).toBe('retired');
    expect((await record(holder.pair.kid)).keyStatus).toBe('active');
    // It can renew again, in the place of the key that was lost.
    const again = await newPair();
    expect((await renewed(test, holder, again)).status).toBe(201);
    expect((await record(next.kid)).keyStatus).toBe('retired');
  });

  it('does not replace a key that has been seen', async () => {
    const holder = await enrolled(test, newName());
    const next = await newPair();
    await renewed(test, holder, next);
    await seen(next);
    const answer = await renewed(test, holder, await newPair());
    expect(answer).toMatchObject({ status: 409, body: { code: 'too_many_keys' } });
    expect((await record(next.kid)).keyStatus).toBe('active');
  });

  it('answers the same key alike, to the old key within its overlap and to the new one at any time', async () => {
    const holder = await enrolled(test, newName());
    const next = await newPair();
    const first = await renewed(test, holder, next);
    const revision = await test.revision();
    const again = await renewed(test, holder, next);
    expect([again.status, again.body]).toEqual([200, first.body]);
    expect(await test.revision()).toBe(revision);
    const itself = await renewed(test, { ...holder, pair: next }, next);
    expect([itself.status, itself.body]).toEqual([200, first.body]);
    expect((await record(next.kid)).notAfter).toBe(first.body.record.notAfter);
  });

  it('replaces a key that the same signer was renewed by, and no other', async () => {
    const holder = await enrolled(test, newName());
    const [lost, next, beyond] = [await newPair(), await newPair(), await newPair()];
    await renewed(test, holder, lost);
    const answer = await renewed(test, holder, next);
    expect(answer.status).toBe(201);
    expect((await record(lost.kid)).keyStatus).toBe('retired');
    expect(await renewed(test, holder, lost)).toMatchObject({ status: 409, body: { code: 'kid_exists' } });
    // The old key is another's to replace, whatever is left of its overlap.
    const newHolder: Holder = { ...holder, pair: next };
    expect(await renewed(test, newHolder, beyond)).toMatchObject({ status: 409, body: { code: 'too_many_keys' } });
    test.clock.now += OVERLAP_MS;
    expect((await renewed(test, newHolder, beyond)).status).toBe(201);
  });

  it('leaves a key alone that an admin added beside the signer', async () => {
    const holder = await enrolled(test, newName());
    const other = await test.generate('shop', holder.piped);
    const request = await renewalOf(test, holder, await newPair());
    expect(await send(test, request)).toMatchObject({ status: 409, body: { code: 'too_many_keys' } });
    expect((await record(other.kid)).keyStatus).toBe('active');
    // A refusal changes nothing: neither the signer's life, nor is the credential used up.
    expect((await record(holder.pair.kid)).notAfter).toBe(other.notAfter);
    await test.call('POST', `/v1/keys/${other.kid}/revoke`);
    expect((await send(test, request)).status).toBe(201);
  });

  it('lets one of many renewals at the same time win, and all of one and the same', async () => {
    const statuses = (answers: { status: number }[]) => answers.map(({ status }) => status).sort();
    const one = await enrolled(test, newName());
    const next = await newPair();
    const same = await Promise.all([1, 2, 3, 4].map(() => renewed(test, one, next)));
    expect(statuses(same)).toEqual([200, 200, 200, 201]);

    const two = await enrolled(test, newName());
    const request = await renewalOf(test, two, await newPair());
    expect(statuses(await Promise.all([1, 2, 3, 4].map(() => send(test, request))))).toEqual([201, 401, 401, 401]);

    const three = await enrolled(test, newName());
    await Promise.all([1, 2, 3, 4].map(async () => renewed(test, three, await newPair())));
    const { items } = (await test.call('GET', `/v1/projects/shop/pipeds/${three.piped}/keys`)).body;
    expect(items.filter((key: { keyStatus: string }) => key.keyStatus === 'active')).toHaveLength(2);
  });
});
