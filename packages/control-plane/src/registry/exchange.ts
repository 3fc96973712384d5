import { randomUUID } from 'node:crypto';
import {
  assertPlausible,
  CLOCK_SKEW_SECONDS,
  CredentialError,
  type KeyRecord,
  parseCredential,
  SIGNALS,
  type Signal,
  signAccessToken,
  type VerifiedCredential,
  verifyCredential,
} from '@spanpass/credential';
import { lt } from 'drizzle-orm';
import type { ProblemCode } from '../problems/problems.ts';
import { Refusal } from '../problems/refusal.ts';
import type { Database } from '../store/database.ts';
import { usedAssertions } from '../store/schema.ts';
import { findKey, recordOf } from './records.ts';
import { type Registry, toSeconds } from './registry.ts';
import { signingKeyOf } from './signing-keys.ts';
import { noteUse } from './usage.ts';

/** A client assertion whose signature, claims and key all held. */
export interface VerifiedAssertion extends VerifiedCredential {
  readonly record: KeyRecord;
}

export interface IssuedToken {
  /** Secret. */
  readonly token: string;
  readonly lifeSeconds: number;
  readonly scopes: readonly Signal[];
}

/** How long after its last second an assertion is remembered: as long as clocks of replicas may disagree, twice. */
const REMEMBERED_SECONDS = 2 * CLOCK_SKEW_SECONDS;

const FORBIDDEN: readonly string[] = ['piped_disabled', 'project_disabled'] satisfies ProblemCode[];

/**
 * Verifies a client assertion (RFC 7523 section 3) against the stored record of the key that signed it. What no
 * signature could save is refused before the look-up.
 *
 * @param issuer whom it must be made for
 * @throws Refusal `client_assertion_invalid`, `piped_disabled`, `project_disabled`
 */
export async function verifyAssertion(
  { store, now }: Pick<Registry, 'store' | 'now'>,
  token: string,
  issuer: string,
): Promise<VerifiedAssertion> {
  const expected = { purpose: 'tokenExchange', audience: issuer, now } as const;
  try {
    const parsed = parseCredential(token);
    assertPlausible(parsed, expected);
    const found = await findKey(store.db, parsed.unverifiedHeader.kid);
    if (found === undefined) throw new CredentialError('key_unknown');
    const record = recordOf(found.key, found.piped, found.project);
    return { ...(await verifyCredential({ token, parsed }, record, expected)), record };
  } catch (error) {
    if (!(error instanceof CredentialError)) throw error;
    if (FORBIDDEN.includes(error.code)) throw new Refusal(error.code as ProblemCode, error.message);
    throw new Refusal('client_assertion_invalid', error.message);
  }
}

/**
 * Uses an assertion up, on all replicas, and issues an access token to its piped, which ends with its key at the latest.
 * It is no change of the registry: followers are not told, and the audit says nothing of it.
 *
 * @param scope signals with blanks between (RFC 6749 section 3.3). Default: all that the piped may send
 * @throws Refusal `scope_invalid`, `client_assertion_used`
 */
export async function exchange(
  registry: Registry,
  { record, claims, expiresAt }: VerifiedAssertion,
  { issuer, scope }: { readonly issuer: string; readonly scope: string | undefined },
): Promise<IssuedToken> {
  const { store, settings, now } = registry;
  const { kid, project, piped, notAfter } = record;
  const scopes = grantedScopes(scope, record.scopes);
  const issuedAt = toSeconds(now());
  const lifeSeconds = Math.min(settings.accessTokenLifeSeconds, notAfter - issuedAt);
  if (!(lifeSeconds > 0)) throw new Refusal('client_assertion_invalid', 'the key has expired');
  await useUp(store.db, { kid, jti: claims.jti, expiresAt });
  await noteUse(store.db, [{ kid, lastUsedAt: new Date(now()) }]);
  const token = await signAccessToken(await signingKeyOf(registry, 'access-token'), {
    ...{ issuer, audience: settings.gatewayAudience, project, piped, scopes },
    ...{ issuedAt, expiresAt: issuedAt + lifeSeconds, jti: randomUUID() },
    certificateThumbprint: claims.cnf?.['x5t#S256'],
  });
  return { token, lifeSeconds, scopes };
}

/** Forgets assertions that can't be shown again. */
export async function forgetAssertions(db: Database, nowMs: number): Promise<void> {
  await db.delete(usedAssertions).where(lt(usedAssertions.forgetAt, new Date(nowMs)));
}

/** One row for all replicas, so one of two at the same time wins. How many there are is bounded by each key's rate. */
async function useUp(
  db: Database,
  { kid, jti, expiresAt }: { readonly kid: string; readonly jti: string; readonly expiresAt: number },
): Promise<void> {
  const forgetAt = new Date((expiresAt + REMEMBERED_SECONDS) * 1000);
  const added = await db
    .insert(usedAssertions)
    .values({ kid, jti, forgetAt })
    .onConflictDoNothing()
    .returning({ jti: usedAssertions.jti });
  if (added.length === 0) throw new Refusal('client_assertion_used', 'sign a new assertion for each request');
}

function grantedScopes(scope: string | undefined, allowed: readonly Signal[]): readonly Signal[] {
  if (scope === undefined) return allowed;
  const wanted = new Set(scope.split(' '));
  const granted = SIGNALS.filter(signal => wanted.has(signal) && allowed.includes(signal));
  if (granted.length !== wanted.size) throw new Refusal('scope_invalid', 'ask for no more than the piped may send');
  return granted;
}
