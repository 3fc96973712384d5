import { parseKeyRecord } from '@spanpass/credential';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES } from '../testing/databases.test.support.ts';
import { names, newPair, prove, startTestPlane, type TestPlane } from '../testing/plane.test.support.ts';

const HOUR_MS = 3_600_000;

describe.each(DATABASES)('enrollment on $name', database => {
  let test: TestPlane;
  const newName = names('piped');

  beforeAll(async () => {
    test = await startTestPlane(database, { publicUrl: 'https://pass.example.com/' });
  });
  afterAll(() => test[Symbol.asyncDispose]());

  it('enrolls a key, and answers alike when the same token comes with the same key again', async () => {
    const piped = newName();
    const { enrollmentToken } = await test.register('shop', piped);
    const pair = await newPair();
    const first = await test.enroll(enrollmentToken, pair);
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({
      gatewayAudience: 'spanpass-gateway',
      controlPlane: 'https://pass.example.com',
      record: { kid: pair.kid, piped },
    });
    await parseKeyRecord(first.body.record);
    const again = await test.enroll(enrollmentToken, pair);
    expect(again.status).toBe(200);
    expect(again.body).toEqual(first.body);
    test.clock.now += 2 * HOUR_MS;
    expect((await test.enroll(enrollmentToken, pair)).status).toBe(200);
  });

  it('says the same of a token that is unknown, used by another key, or expired', async () => {
    const used = await test.register('shop', newName());
    await test.enroll(used.enrollmentToken, await newPair());
    expect((await test.enroll(used.enrollmentToken, await newPair())).body.code).toBe('enrollment_token_invalid');
    const expired = await test.register('shop', newName());
    test.clock.now += HOUR_MS;
    const issued = `${used.enrollmentToken.slice(0, -1)}${used.enrollmentToken.endsWith('A') ? 'B' : 'A'}`;
    const answers = [];
    for (const token of [used.enrollmentToken, expired.enrollmentToken, issued, 'anything']) {
      const answer = await test.enroll(token, await newPair());
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      answers.push({ status: answer.status, body: answer.body });
    }
    expect(answers[0]).toMatchObject({ status: 401, body: { code: 'enrollment_token_invalid' } });
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  it('issues another token, beside the ones before', async () => {
    const piped = newName();
    const first = await test.register('shop', piped);
    const second = await test.call('POST', `/v1/projects/shop/pipeds/${piped}/enrollment-tokens`);
    expect(second).toMatchObject({
      status: 201,
      body: { enrollmentTokenExpiresAt: test.clock.now / 1000 + 3600 },
    });
    expect((await test.enroll(second.body.enrollmentToken, await newPair())).status).toBe(201);
    expect((await test.enroll(first.enrollmentToken, await newPair())).status).toBe(201);
  });

  it('does not use up a token on a refusal', async () => {
    const piped = newName();
    const { enrollmentToken } = await test.register('shop', piped);
    const [one] = [await test.generate('shop', piped), await test.generate('shop', piped)];
    const pair = await newPair();
    expect(await test.enroll(enrollmentToken, pair)).toMatchObject({ status: 409, body: { code: 'too_many_keys' } });
    await test.call('POST', `/v1/keys/${one.kid}/revoke`);
    expect((await test.enroll(enrollmentToken, pair)).status).toBe(201);
  });

  it('takes a proof for this token alone', async () => {
    const mine = await test.register('shop', newName());
    const other = await test.register('shop', newName());
    const pair = await newPair();
    const proof = await prove(pair, other.enrollmentToken, test.clock);
    const answer = await test.enroll(mine.enrollmentToken, pair, proof);
    expect(answer).toMatchObject({ status: 400, body: { code: 'proof_invalid' } });
  });
});
