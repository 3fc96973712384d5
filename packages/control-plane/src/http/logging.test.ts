import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES } from '../testing/databases.test.support.ts';
import {
  ADMIN_TOKEN,
  AUTH_SERVER_TOKEN,
  newPair,
  prove,
  startTestPlane,
  type TestPlane,
} from '../testing/plane.test.support.ts';
import { hashToken } from '../tokens/token-format.ts';
import { describeError } from './logging.ts';

describe.each(DATABASES)('the log on $name', database => {
  let test: TestPlane;
  const secrets: string[] = [];

  beforeAll(async () => {
    test = await startTestPlane(database);
    const { enrollmentToken } = await test.register('shop', 'edge-1');
    const pair = await newPair();
    const proof = await prove(pair, enrollmentToken, test.clock);
    await test.enroll(enrollmentToken, pair, proof);
    const made = await test.call('POST', '/v1/projects/shop/pipeds/edge-1/keys', { body: { generate: true } });
    // Refusals, and a secret wherever somebody could put one by mistake.
    const wrong = 'wrong-token-0123456789-0123456789-0123456789';
    await test.enroll(enrollmentToken, await newPair());
    await test.enroll(wrong, pair, proof);
    await test.call('GET', '/v1/pipeds', { token: wrong });
    await test.call('GET', `/v1/pipeds?token=${wrong}`);
    await test.call('GET', `/${wrong}`);
    await test.call('POST', `/v1/keys/${wrong}/revoke`, { raw: `{"token":"${wrong}"` });
    const { privateJwk } = made.body.keyFile;
    const tokens = [ADMIN_TOKEN, AUTH_SERVER_TOKEN, enrollmentToken, wrong];
    secrets.push(...tokens, ...tokens.map(hashToken), proof, pair.privateJwk.d as string, privateJwk.d);
    await test.plane.close();
  });
  afterAll(() => test[Symbol.asyncDispose]());

  it('has a line for each call', () => {
    expect(test.log.text).toContain('"route":"/v1/enroll","status":201');
    expect(test.log.text).toContain('"status":401,"code":"enrollment_token_invalid"');
    expect(test.log.text).toContain('"route":"unmatched","status":404');
    expect(
      test.log.text
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
        .at(-1),
    ).toMatchObject({ msg: 'closed' });
  });

  it('holds no token, no hash of one, no proof and no private key, and neither do metrics', async () => {
    const metrics = await test.plane.metrics();
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(30);
      expect(test.log.text).not.toContain(secret);
      expect(metrics).not.toContain(secret);
    }
    expect(test.log.text.toLowerCase()).not.toContain('bearer');
  });
});

describe('describeError', () => {
  it('shows the innermost error, without the statement and the parameters around it', () => {
    const inner = Object.assign(new Error('duplicate key\nDETAIL: (token_hash)=(secret)'), { code: '23505' });
    const outer = new Error('Failed query: insert ... params: secret', { cause: inner });
    expect(describeError(outer)).toMatchObject({ type: 'Error', code: '23505', message: 'duplicate key' });
    expect(JSON.stringify(describeError(outer))).not.toContain('secret');
  });
});
