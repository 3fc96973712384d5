import { createHash } from 'node:crypto';
import { importSigningKey, type KeyPair, type Purpose, signCredential } from '@spanpass/credential';
import { type Answer, newPair, prove, type TestPlane } from './plane.test.support.ts';

/** A key of a piped, both halves. */
export interface Holder {
  readonly project: string;
  readonly piped: string;
  readonly pair: KeyPair;
}

export interface RenewalRequest {
  readonly credential: string;
  readonly raw: string;
}

export async function enrolled(test: TestPlane, piped: string, project = 'shop'): Promise<Holder> {
  const { enrollmentToken } = await test.register(project, piped);
  const pair = await newPair();
  await test.enroll(enrollmentToken, pair);
  return { project, piped, pair };
}

/** A request to renew `holder`'s key by `next`, all of it as it should be. */
export async function renewalOf(test: TestPlane, holder: Holder, next: KeyPair): Promise<RenewalRequest> {
  const proof = await prove(next, holder.pair.kid, test.clock);
  const raw = JSON.stringify({ publicJwk: next.publicJwk, alg: next.alg, proof });
  return { raw, credential: await credentialFor(test, holder, raw) };
}

export async function credentialFor(
  test: TestPlane,
  { project, piped, pair }: Holder,
  raw: string,
  { purpose = 'renewal', audience = `${test.url}/v1/renew` }: { purpose?: Purpose; audience?: string } = {},
): Promise<string> {
  const { kid, alg, privateJwk } = pair;
  const bodyHash = purpose === 'renewal' ? { bodyHash: createHash('sha256').update(raw).digest('base64url') } : {};
  const key = await importSigningKey({ kid, alg, project, piped, privateJwk });
  return signCredential(key, { purpose, audience, ...bodyHash, now: () => test.clock.now });
}

export function send(test: TestPlane, { raw, credential }: RenewalRequest): Promise<Answer> {
  return test.call('POST', '/v1/renew', { token: credential, raw });
}

export async function renewed(test: TestPlane, holder: Holder, next: KeyPair): Promise<Answer> {
  return send(test, await renewalOf(test, holder, next));
}
