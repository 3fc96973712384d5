import {
  importSigningKey,
  type KeyFile,
  parseKeyFile,
  parseKeyRecord,
  signCredential,
  verifyCredential,
} from '@spanpass/credential';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES } from '../testing/databases.test.support.ts';
import { names, newPair, prove, startTestPlane, type TestPlane } from '../testing/plane.test.support.ts';

describe.each(DATABASES)('projects, pipeds and keys on $name', database => {
  let test: TestPlane;
  const newName = names('piped');

  beforeAll(async () => {
    test = await startTestPlane(database, { publicUrl: 'https://pass.example.com/' });
  });
  afterAll(() => test[Symbol.asyncDispose]());

  const keysOf = (piped: string) => `/v1/projects/shop/pipeds/${piped}/keys`;

  it('registers a piped, and its project on first use', async () => {
    const answer = await test.call('POST', '/v1/projects/first/pipeds', {
      body: { piped: 'edge-1', scopes: ['logs', 'traces', 'logs'] },
    });
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      project: 'first',
      piped: 'edge-1',
      pipedStatus: 'active',
      scopes: ['logs', 'traces'],
      createdAt: test.clock.now / 1000,
      enrollmentToken: expect.stringMatching(/^spanpass_enroll_[0-9A-Za-z]{49}$/),
      enrollmentTokenExpiresAt: test.clock.now / 1000 + 3600,
    });
  });

  it('refuses a piped that is registered already, and takes the name in another project', async () => {
    await test.register('shop', 'twice');
    const again = await test.call('POST', '/v1/projects/shop/pipeds', { body: { piped: 'twice' } });
    expect(again).toMatchObject({ status: 409, body: { code: 'piped_exists' } });
    await test.register('other-shop', 'twice');
  });

  it('lists pipeds page by page, with the number of keys that are active', async () => {
    for (const piped of ['c', 'a', 'b']) await test.register('listed', piped);
    await test.generate('listed', 'a');
    const revoked = await test.generate('listed', 'a');
    await test.call('POST', `/v1/keys/${revoked.kid}/revoke`);
    await test.call('POST', '/v1/projects/listed/pipeds/b/disable');
    await test.call('POST', '/v1/projects/listed/disable');

    const first = await test.call('GET', '/v1/pipeds?project=listed&limit=2');
    expect(first.body.items).toMatchObject([
      { project: 'listed', piped: 'a', pipedStatus: 'active', projectStatus: 'disabled', scopes: ['traces'], keys: 1 },
      { piped: 'b', pipedStatus: 'disabled', keys: 0 },
    ]);
    const second = await test.call('GET', `/v1/pipeds?project=listed&limit=2&after=${first.body.next}`);
    expect(second.body).toMatchObject({ items: [{ piped: 'c' }] });
    expect(second.body.next).toBeUndefined();
    expect((await test.call('GET', '/v1/pipeds?project=nobody')).body).toEqual({ items: [] });
    const all = await test.call('GET', '/v1/pipeds');
    expect(all.body.items.length).toBeGreaterThan(3);
  });

  it('hands out a key file once, which signs what its record verifies', async () => {
    const piped = newName();
    await test.register('shop', piped);
    const answer = await test.call('POST', keysOf(piped), { body: { generate: true } });
    expect(answer.status).toBe(201);
    const record = await parseKeyRecord(answer.body.record);
    const keyFile: KeyFile = await parseKeyFile(answer.body.keyFile);
    expect(keyFile).toMatchObject({
      audience: 'spanpass-gateway',
      controlPlane: 'https://pass.example.com',
      alg: 'ES256',
    });
    const nowSeconds = test.clock.now / 1000;
    expect(record).toMatchObject({
      project: 'shop',
      piped,
      keyStatus: 'active',
      notBefore: nowSeconds - 60,
      notAfter: nowSeconds + 90 * 86_400,
    });
    const now = () => test.clock.now;
    const token = await signCredential(await importSigningKey(keyFile), {
      purpose: 'gateway',
      audience: 'spanpass-gateway',
      now,
    });
    const verified = await verifyCredential(token, record, { purpose: 'gateway', audience: 'spanpass-gateway', now });
    expect(verified.piped).toBe(piped);
    const listed = await test.call('GET', keysOf(piped));
    expect(JSON.stringify(listed.body)).not.toContain(keyFile.privateJwk.d);
  });

  it.each(['ES256', 'EdDSA', 'RS256', 'PS256'] as const)('takes in a public %s key with its proof', async alg => {
    const piped = newName();
    await test.register('shop', piped);
    const pair = await newPair(alg);
    const proof = await prove(pair, `shop/${piped}`, test.clock);
    const answer = await test.call('POST', keysOf(piped), { body: { publicJwk: pair.publicJwk, alg, proof } });
    expect(answer.status).toBe(201);
    expect(await parseKeyRecord(answer.body.record)).toMatchObject({ kid: pair.kid, alg, piped });
    expect(answer.body.keyFile).toBeUndefined();
  });

  it('refuses a proof that is for another piped, by another key, or too old', async () => {
    const piped = newName();
    await test.register('shop', piped);
    const pair = await newPair();
    const { publicJwk, alg } = pair;
    const upload = (proof: string) => test.call('POST', keysOf(piped), { body: { publicJwk, alg, proof } });
    const other = await newPair();
    for (const proof of [
      await prove(pair, 'shop/another', test.clock),
      await prove(other, `shop/${piped}`, test.clock),
      await prove(pair, `shop/${piped}`, { now: test.clock.now - 121_000 }),
      await prove(pair, `shop/${piped}`, { now: test.clock.now + 61_000 }),
    ]) {
      expect(await upload(proof)).toMatchObject({ status: 400, body: { code: 'proof_invalid' } });
    }
    expect((await upload(await prove(pair, `shop/${piped}`, test.clock))).status).toBe(201);
  });

  it('refuses a third active key, and takes one again when one was revoked or has expired', async () => {
    const piped = newName();
    await test.register('shop', piped);
    const first = await test.generate('shop', piped);
    await test.generate('shop', piped);
    const create = () => test.call('POST', keysOf(piped), { body: { generate: true } });
    expect(await create()).toMatchObject({ status: 409, body: { code: 'too_many_keys' } });
    await test.call('POST', `/v1/keys/${first.kid}/revoke`);
    expect((await create()).status).toBe(201);
    expect((await create()).status).toBe(409);
    test.clock.now += 90 * 86_400_000 + 1000;
    expect((await create()).status).toBe(201);
  });

  it('refuses a kid that anyone has', async () => {
    const [mine, theirs] = [newName(), newName()];
    await test.register('shop', mine);
    await test.register('shop', theirs);
    const pair = await newPair();
    const upload = async (piped: string) => {
      const proof = await prove(pair, `shop/${piped}`, test.clock);
      return test.call('POST', keysOf(piped), { body: { publicJwk: pair.publicJwk, alg: pair.alg, proof } });
    };
    expect((await upload(mine)).status).toBe(201);
    expect(await upload(theirs)).toMatchObject({ status: 409, body: { code: 'kid_exists' } });
    await test.call('POST', `/v1/keys/${pair.kid}/revoke`);
    expect(await upload(mine)).toMatchObject({ status: 409, body: { code: 'kid_exists' } });
  });

  it('looks a record up by kid, with the revision of the read, also when there is none', async () => {
    const piped = newName();
    await test.register('shop', piped);
    const { kid } = await test.generate('shop', piped);
    const found = await test.call('GET', `/v1/keys/${kid}`);
    expect(found.status).toBe(200);
    const record = await parseKeyRecord(found.body);
    expect(record.kid).toBe(kid);
    expect(found.headers.get('x-spanpass-revision')).toBe(String(record.revision));
    const unknown = await test.call('GET', `/v1/keys/${'A'.repeat(43)}`);
    expect(unknown).toMatchObject({ status: 404, body: { code: 'key_unknown' } });
    expect(unknown.headers.get('x-spanpass-revision')).toBe(String(record.revision));
  });

  it('gives a record the revision of the newest change to its key, piped or project', async () => {
    const piped = newName();
    await test.register('revised', piped);
    const { kid } = await test.generate('revised', piped);
    const record = async () => parseKeyRecord((await test.call('GET', `/v1/keys/${kid}`)).body);
    const created = await record();
    await test.call('POST', `/v1/projects/revised/pipeds/${piped}/disable`);
    const disabled = await record();
    expect(disabled).toMatchObject({ pipedStatus: 'disabled', revision: created.revision + 1 });
    await test.call('POST', '/v1/projects/revised/disable');
    expect(await record()).toMatchObject({ projectStatus: 'disabled', revision: created.revision + 2 });
    await test.call('POST', `/v1/keys/${kid}/revoke`);
    expect(await record()).toMatchObject({ keyStatus: 'revoked', revision: created.revision + 3 });
  });

  it('makes no revision and no audit row where nothing changes', async () => {
    const piped = newName();
    await test.register('still', piped);
    const { kid } = await test.generate('still', piped);
    const paths = [
      `/v1/projects/still/pipeds/${piped}/disable`,
      '/v1/projects/still/disable',
      `/v1/keys/${kid}/revoke`,
    ];
    for (const path of paths) expect((await test.call('POST', path)).status).toBe(200);
    const before = { revision: await test.revision(), audit: (await test.call('GET', '/v1/audit')).body.items.length };
    for (const path of paths) expect((await test.call('POST', path)).status).toBe(200);
    const after = { revision: await test.revision(), audit: (await test.call('GET', '/v1/audit')).body.items.length };
    expect(after).toEqual(before);
  });

  it('disables and enables reversibly, and revokes for good', async () => {
    const piped = newName();
    await test.register('turned', piped);
    const { kid } = await test.generate('turned', piped);
    const post = async (path: string) => (await test.call('POST', path)).body;
    expect(await post(`/v1/projects/turned/pipeds/${piped}/disable`)).toMatchObject({ piped, pipedStatus: 'disabled' });
    expect(await post(`/v1/projects/turned/pipeds/${piped}/enable`)).toMatchObject({ piped, pipedStatus: 'active' });
    expect(await post('/v1/projects/turned/disable')).toMatchObject({ project: 'turned', projectStatus: 'disabled' });
    expect(await post('/v1/projects/turned/enable')).toMatchObject({ project: 'turned', projectStatus: 'active' });
    expect(await post(`/v1/keys/${kid}/revoke`)).toMatchObject({ kid, keyStatus: 'revoked' });
    await post(`/v1/projects/turned/pipeds/${piped}/enable`);
    expect((await test.call('GET', `/v1/keys/${kid}`)).body.keyStatus).toBe('revoked');
  });

  it('names what is not there', async () => {
    const expectations = [
      ['POST', '/v1/projects/nowhere/disable', 'project_unknown'],
      ['POST', '/v1/projects/shop/pipeds/nobody/enable', 'piped_unknown'],
      ['GET', '/v1/projects/shop/pipeds/nobody/keys', 'piped_unknown'],
      ['POST', '/v1/projects/shop/pipeds/nobody/enrollment-tokens', 'piped_unknown'],
      ['POST', `/v1/keys/${'A'.repeat(43)}/revoke`, 'key_unknown'],
    ] as const;
    for (const [method, path, code] of expectations) {
      expect(await test.call(method, path), path).toMatchObject({ status: 404, body: { code } });
    }
    const created = await test.call('POST', keysOf('nobody'), { body: { generate: true } });
    expect(created).toMatchObject({ status: 404, body: { code: 'piped_unknown' } });
  });

  it('writes down who did what, when, from where, and at which revision', async () => {
    const piped = newName();
    const { enrollmentToken } = await test.register('audited', piped);
    const pair = await newPair();
    await test.enroll(enrollmentToken, pair);
    await test.call('POST', `/v1/keys/${pair.kid}/revoke`);
    const revision = await test.revision();
    const { items } = (await test.call('GET', '/v1/audit')).body;
    const rows = items.slice(-5);
    const admin = { role: 'owner', tokenId: expect.any(String), peerAddress: '127.0.0.1' };
    const target = { project: 'audited', piped };
    const at = test.clock.now / 1000;
    expect(rows).toMatchObject([
      { action: 'project.created', actor: admin, target: { project: 'audited' }, revision: revision - 3, at },
      { action: 'piped.registered', actor: admin, target, revision: revision - 2, at },
      { action: 'enrollment_token.created', actor: admin, target, revision: revision - 2, at },
      {
        action: 'key.enrolled',
        actor: { role: 'enrollment', tokenId: rows[2].target.tokenId, peerAddress: '127.0.0.1' },
        target: { ...target, kid: pair.kid },
        revision: revision - 1,
      },
      { action: 'key.revoked', actor: admin, target: { ...target, kid: pair.kid }, revision },
    ]);
    expect(items.map((row: { seq: number }) => row.seq)).toEqual(items.map((_: unknown, at: number) => at + 1));
  });
});
