import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES } from '../testing/databases.test.support.ts';
import { type Answer, names, newPair, prove, startTestPlane, type TestPlane } from '../testing/plane.test.support.ts';
import { credentialFor, enrolled, renewalOf, renewed, send } from '../testing/renewal.test.support.ts';

describe.each(DATABASES)('POST /v1/renew on $name refuses', database => {
  let test: TestPlane;
  const newName = names('piped');

  beforeAll(async () => {
    test = await startTestPlane(database, { enrollRate: { burst: 1000, perSecond: 1000 } });
  });
  afterAll(() => test[Symbol.asyncDispose]());

  const keysOf = async (piped: string) =>
    (await test.call('GET', `/v1/projects/shop/pipeds/${piped}/keys`)).body.items.length;
  const expectRefusal = ({ status, body }: Answer, expected: [number, string], detail: string | RegExp) => {
    expect([status, body.code]).toEqual(expected);
    expect(body.detail).toMatch(detail);
  };
  const INVALID: [number, string] = [401, 'renewal_credential_invalid'];

  it('a credential that was used, until it can no longer be shown', async () => {
    const holder = await enrolled(test, newName());
    const request = await renewalOf(test, holder, await newPair());
    expect((await send(test, request)).status).toBe(201);
    for (let passed = 0; passed < 120; passed += 30) {
      expectRefusal(await send(test, request), [401, 'renewal_credential_used'], 'sign a new credential for each call');
      test.clock.now += 30_000;
    }
    expectRefusal(await send(test, request), INVALID, 'expired');
    expect(await keysOf(holder.piped)).toBe(2);
  });

  it('another body than the one that was signed, be it by a blank', async () => {
    const holder = await enrolled(test, newName());
    const { raw, credential } = await renewalOf(test, holder, await newPair());
    expectRefusal(await send(test, { raw: `${raw} `, credential }), INVALID, 'another request body');
    const other = await renewalOf(test, holder, await newPair());
    expectRefusal(await send(test, { raw: other.raw, credential }), INVALID, 'another request body');
    expect(await keysOf(holder.piped)).toBe(1);
    expect((await send(test, { raw, credential })).status).toBe(201);
  });

  it.each(['gateway', 'tokenExchange'] as const)('a credential made for %s', async purpose => {
    const holder = await enrolled(test, newName());
    const { raw } = await renewalOf(test, holder, await newPair());
    const credential = await credentialFor(test, holder, raw, { purpose });
    expectRefusal(await send(test, { raw, credential }), INVALID, 'another purpose');
    const elsewhere = await credentialFor(test, holder, raw, { audience: 'http://elsewhere.example/v1/renew' });
    expectRefusal(await send(test, { raw, credential: elsewhere }), INVALID, 'another audience');
  });

  it('the key of a disabled piped or project, until it is enabled', async () => {
    const holder = await enrolled(test, newName(), newName());
    for (const [path, code] of [
      [`/v1/projects/${holder.project}/pipeds/${holder.piped}`, 'piped_disabled'],
      [`/v1/projects/${holder.project}`, 'project_disabled'],
    ] as const) {
      await test.call('POST', `${path}/disable`);
      expectRefusal(await renewed(test, holder, await newPair()), [403, code], 'disabled');
      await test.call('POST', `${path}/enable`);
    }
    expect((await renewed(test, holder, await newPair())).status).toBe(201);
  });

  it('a key that is unknown, revoked or over, and another piped', async () => {
    const holder = await enrolled(test, newName());
    const stranger = { ...holder, pair: await newPair() };
    expectRefusal(await renewed(test, stranger, await newPair()), INVALID, 'no key has this kid');
    const { raw } = await renewalOf(test, holder, await newPair());
    const credential = await credentialFor(test, { ...holder, piped: 'another' }, raw);
    expectRefusal(await send(test, { raw, credential }), INVALID, 'belongs to another piped');
    await test.call('POST', `/v1/keys/${holder.pair.kid}/revoke`);
    expectRefusal(await renewed(test, holder, await newPair()), INVALID, 'revoked');
    const late = await enrolled(test, newName());
    test.clock.now += 90 * 86_400_000;
    expectRefusal(await renewed(test, late, await newPair()), INVALID, /the key has (expired|ended)/);
  });

  it('a new key whose possession was not proven for this one', async () => {
    const holder = await enrolled(test, newName());
    const next = await newPair();
    const proof = await prove(next, 'another kid', test.clock);
    const raw = JSON.stringify({ publicJwk: next.publicJwk, alg: next.alg, proof });
    const credential = await credentialFor(test, holder, raw);
    expectRefusal(await send(test, { raw, credential }), [400, 'proof_invalid'], 'proof: ');
  });

  it('what is no credential, and access tokens', async () => {
    const { raw } = await renewalOf(test, await enrolled(test, newName()), await newPair());
    // Before anything of the body is read.
    expectRefusal(
      await test.call('POST', '/v1/renew', { token: null, raw: '{' }),
      [401, 'unauthenticated'],
      'one authori',
    );
    expectRefusal(await test.call('POST', '/v1/renew', { raw }), INVALID, 'not a JWS');
    expect(await test.call('POST', '/v1/renew', { raw: '{' })).toMatchObject({
      ...{ status: 400, body: { code: 'malformed_json' } },
    });
    expect(await test.call('POST', '/v1/renew', { raw: `"${'x'.repeat(20_000)}"` })).toMatchObject({ status: 413 });
  });
});
