import { parseSnapshotKeys, verifyKeySnapshot } from '@spanpass/credential';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ControlPlaneClient } from '../api-client/index.ts';
import { DATABASES } from '../testing/databases.test.support.ts';
import {
  ADMIN_TOKEN,
  AUTH_SERVER_TOKEN,
  names,
  startPlaneOn,
  startTestPlane,
  type TestPlane,
} from '../testing/plane.test.support.ts';

describe.each(DATABASES)('snapshots on $name', database => {
  let test: TestPlane;
  const newName = names('piped');
  beforeAll(async () => {
    test = await startTestPlane(database);
  });
  afterAll(() => test[Symbol.asyncDispose]());

  const client = () => new ControlPlaneClient({ url: test.url, token: ADMIN_TOKEN });
  const token = AUTH_SERVER_TOKEN;
  async function enrolled() {
    const [project, piped] = ['shop', newName()];
    await test.register(project, piped);
    return test.generate(project, piped);
  }
  /** As an auth server asks: the bytes as they come. */
  async function ask(kids: readonly string[]) {
    const response = await fetch(`${test.url}/v1/snapshots`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ kids }),
    });
    const body = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, headers: response.headers, body };
  }
  async function verified(kids: readonly string[]) {
    const { headers, body } = await ask(kids);
    const keys = await parseSnapshotKeys(await client().snapshotKeys());
    const now = () => test.clock.now;
    const jws = headers.get('x-spanpass-snapshot') ?? '';
    return { headers, ...(await verifyKeySnapshot(jws, body, { keys, maxAgeMs: 1000, minRevision: 0, now })) };
  }

  it('hold the records of those kids that a key has, as of one revision, signed', async () => {
    const [one, two] = [await enrolled(), await enrolled()];
    await enrolled();
    await test.call('POST', `/v1/keys/${two.kid}/revoke`);
    const snapshot = await verified([one.kid, two.kid, 'A'.repeat(43)]);
    expect(snapshot.revision).toBe(await test.revision());
    expect(snapshot.headers.get('x-spanpass-revision')).toBe(String(snapshot.revision));
    expect(snapshot.issuedAt).toBe(test.clock.now / 1000);
    const known = await Promise.all(
      [one, two].map(async ({ kid }) => (await test.call('GET', `/v1/keys/${kid}`)).body),
    );
    expect(snapshot.records).toHaveLength(2);
    expect(snapshot.records).toEqual(expect.arrayContaining(known));
  });

  it('may hold nothing', async () => {
    expect((await verified([])).records).toEqual([]);
  });

  it('take 20,000 kids, and not one more', async () => {
    const { kid } = await enrolled();
    const many = Array.from({ length: 19_999 }, (_, at) => `${String(at).padStart(42, '-')}A`);
    const { records } = await verified([...many, kid]);
    expect(records.map(record => record.kid)).toEqual([kid]);
    const refused = await ask([...many, kid, kid]);
    expect([refused.status, refused.headers.get('x-spanpass-snapshot')]).toEqual([400, null]);
  });

  it.each([
    ['no kids', {}],
    ['a kid that is none', { kids: ['x'] }],
    ['an unknown member', { kids: [], since: 1 }],
  ])('are refused with %s', async (_, body) => {
    expect(await test.call('POST', '/v1/snapshots', { token, body })).toMatchObject({
      status: 400,
      body: { code: 'invalid_request' },
    });
  });

  it('are refused beyond a megabyte of question, and to whoever shows no token', async () => {
    const raw = JSON.stringify({ kids: [], more: 'x'.repeat(1 << 20) });
    expect((await test.call('POST', '/v1/snapshots', { token, raw })).status).toBe(413);
    expect((await test.call('POST', '/v1/snapshots', { token: null, body: { kids: [] } })).status).toBe(401);
    expect((await test.call('GET', '/v1/snapshot-key', { token: null })).status).toBe(401);
  });

  it('are signed by a key that auth servers may see, and only admins replace', async () => {
    const shown = await test.call('GET', '/v1/snapshot-key', { token });
    expect(shown.body).toEqual(await client().snapshotKeys());
    expect(JSON.stringify(shown.body)).not.toContain('"d"');
    const body = { signsInSeconds: 0 };
    expect((await test.call('POST', '/v1/snapshot-key', { token, body })).status).toBe(403);
  });

  it('are signed by a new key once those who pin had time to get to know it', async () => {
    const [old] = (await client().snapshotKeys()).keys;
    const { keys } = await client().rotateSnapshotKey({ signsInSeconds: 3600 });
    expect(keys[0]).toEqual(old);
    expect(keys).toHaveLength(2);
    const signer = async () => {
      const jws = (await ask([])).headers.get('x-spanpass-snapshot') ?? '';
      return JSON.parse(Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString()).kid;
    };
    expect(await signer()).toBe(old?.kid);
    test.clock.now += 3_600_000;
    expect(await signer()).toBe(keys[1]?.kid);
    expect((await client().snapshotKeys()).keys).toEqual([keys[1]]);
    const { items } = (await test.call('GET', '/v1/audit')).body;
    const created = items.filter(({ action }: { action: string }) => action === 'signing_key.created');
    for (const key of [old, keys[1]]) {
      expect(created.filter(({ target }: { target: { kid: string } }) => target.kid === key?.kid)).toHaveLength(1);
    }
  });

  it('no private half of a signing key reaches the log', () => {
    expect(test.log.text).not.toContain('"d":');
  });
});

describe.each(DATABASES)('the signing key on $name', database => {
  it('is the same after a restart', async () => {
    await using created = await database.create();
    const keysOf = async () => {
      await using plane = await startPlaneOn(created.options);
      return (await plane.call('GET', '/v1/snapshot-key')).body;
    };
    const first = await keysOf();
    expect(first.keys).toHaveLength(1);
    expect(await keysOf()).toEqual(first);
  });
});
