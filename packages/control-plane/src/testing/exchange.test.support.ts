import {
  CLIENT_ASSERTION_TYPE,
  importSigningKey,
  type Purpose,
  type SignOptions,
  signCredential,
} from '@spanpass/credential';
import type { Answer, TestPlane } from './plane.test.support.ts';
import type { Holder } from './renewal.test.support.ts';

/** A client assertion, right unless `options` make it wrong. */
export async function assertionOf(
  test: TestPlane,
  { project, piped, pair }: Holder,
  options: Partial<SignOptions> & { purpose?: Purpose } = {},
): Promise<string> {
  const { kid, alg, privateJwk } = pair;
  const key = await importSigningKey({ kid, alg, project, piped, privateJwk });
  return signCredential(key, {
    purpose: 'tokenExchange',
    audience: test.url,
    now: () => test.clock.now,
    ...options,
  });
}

/** A token request. Members that are undefined are left away. */
export function ask(
  test: Pick<TestPlane, 'call'>,
  assertion: string,
  more: Record<string, string | undefined> = {},
): Promise<Answer> {
  const members = {
    grant_type: 'client_credentials',
    client_assertion_type: CLIENT_ASSERTION_TYPE,
    client_assertion: assertion,
    ...more,
  };
  const given = Object.entries(members).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return askRaw(test, new URLSearchParams(given).toString());
}

export function askRaw(
  test: Pick<TestPlane, 'call'>,
  raw: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  return test.call('POST', '/oauth2/token', { token: null, raw, headers: { ...type, ...headers } });
}
