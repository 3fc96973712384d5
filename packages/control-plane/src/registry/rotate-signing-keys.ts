import { createKeyPair, type KeyPair } from '@spanpass/credential';
import { and, desc, eq, lt } from 'drizzle-orm';
import { Refusal } from '../problems/refusal.ts';
import type { EncryptionKeys } from '../sealing/encryption-keys.ts';
import type { Database, Store } from '../store/database.ts';
import { signingKeys } from '../store/schema.ts';
import { type Actor, type Write, write } from '../store/write.ts';
import {
  JWKS_MAX_AGE_SECONDS,
  MAX_ACCESS_TOKEN_LIFE_SECONDS,
  SIGNING_PURPOSES,
  type SigningPurpose,
} from '../wire/signing-keys.ts';
import { type Registry, writeTo } from './registry.ts';
import { sealedPrivateJwk } from './sealed-signing-keys.ts';
import { shownKeys } from './signing-keys.ts';

const ALG = 'ES256';
const CLOCKS_DISAGREE_SECONDS = 60;
/** What a verifier fetches has to be small. */
const MAX_SHOWN_AT_A_TIME = 8;

/**
 * How long the public half of a key for access tokens is shown after another one took over: the longest life that a
 * token may have been given, the age of a copy, and clocks of replicas and verifiers that disagree.
 */
export const RETAIN_SECONDS = MAX_ACCESS_TOKEN_LIFE_SECONDS + JWKS_MAX_AGE_SECONDS + 2 * CLOCKS_DISAGREE_SECONDS;

/** How long a scheduled key is shown before it signs: every copy that is older is gone by then. */
const ANNOUNCE_SECONDS = 2 * JWKS_MAX_AGE_SECONDS;

/** Makes the keys that are missing. To be called under the start lock. */
export async function settleSigningKeys(
  store: Store,
  encryptionKeys: EncryptionKeys,
  now: () => number,
): Promise<void> {
  for (const purpose of SIGNING_PURPOSES) {
    if ((await newestOf(store.db, purpose)) !== undefined) continue;
    const pair = await createKeyPair(ALG);
    await write(store, { role: 'system' }, now, current => add(current, { purpose, pair, encryptionKeys }, current.at));
  }
}

/**
 * Makes a new key, which takes over after a while: until then it is shown, so that others can get to know it.
 *
 * @param withdrawOthers forgets all other keys of this purpose, those that wait included; the new one signs at once then
 * @returns the new key's kid
 * @throws Refusal `too_many_signing_keys`
 */
export async function rotateSigningKey(
  registry: Registry,
  actor: Actor,
  purpose: SigningPurpose,
  { signsInSeconds, withdrawOthers = false }: { signsInSeconds: number; withdrawOthers?: boolean | undefined },
): Promise<string> {
  const pair = await createKeyPair(ALG);
  await writeTo(registry, actor, async current => {
    if (withdrawOthers) await withdrawAll(current, purpose);
    const shown = await shownKeys(current.tx, purpose, current.at, retainSecondsOf(purpose));
    if (shown.length >= MAX_SHOWN_AT_A_TIME) {
      throw new Refusal('too_many_signing_keys', 'wait until older keys are forgotten, or withdraw them all');
    }
    const signsFrom = new Date(current.at.getTime() + (withdrawOthers ? 0 : signsInSeconds * 1000));
    await add(current, { purpose, pair, encryptionKeys: registry.encryptionKeys }, signsFrom);
  });
  return pair.kid;
}

/**
 * Has a new key for access tokens in time for when the newest one has signed for `signingKeyLifeSeconds`, and forgets
 * those that are shown no more. One of several replicas does it.
 */
export async function rotateWhenDue(registry: Registry): Promise<void> {
  const purpose: SigningPurpose = 'access-token';
  await forgetOld(registry, purpose);
  if ((await dueAt(registry, registry.store.db, purpose)) > registry.now()) return;
  const pair = await createKeyPair(ALG);
  await writeTo(registry, { role: 'system' }, async current => {
    // Once more: meanwhile another replica may have made one.
    const nowMs = current.at.getTime();
    const due = await dueAt(registry, current.tx, purpose);
    if (due > nowMs) return;
    const signsFrom = new Date(Math.max(due, nowMs) + ANNOUNCE_SECONDS * 1000);
    await add(current, { purpose, pair, encryptionKeys: registry.encryptionKeys }, signsFrom);
  });
}

/** When the next key has to be shown, in milliseconds. */
async function dueAt({ settings }: Registry, db: Database, purpose: SigningPurpose): Promise<number> {
  const newest = await newestOf(db, purpose);
  if (newest === undefined) throw new Error(`no key signs for ${purpose}`);
  return newest.signsFrom.getTime() + (settings.signingKeyLifeSeconds - ANNOUNCE_SECONDS) * 1000;
}

async function newestOf(db: Database, purpose: SigningPurpose) {
  const [row] = await db
    .select()
    .from(signingKeys)
    .where(eq(signingKeys.purpose, purpose))
    .orderBy(desc(signingKeys.signsFrom))
    .limit(1);
  return row;
}

async function forgetOld({ store, now }: Registry, purpose: SigningPurpose): Promise<void> {
  const [oldest] = await shownKeys(store.db, purpose, new Date(now()), RETAIN_SECONDS);
  if (oldest === undefined) return;
  await store.db
    .delete(signingKeys)
    .where(and(eq(signingKeys.purpose, purpose), lt(signingKeys.signsFrom, oldest.signsFrom)));
}

async function withdrawAll(current: Write, purpose: SigningPurpose): Promise<void> {
  const gone = await current.tx
    .delete(signingKeys)
    .where(eq(signingKeys.purpose, purpose))
    .returning({ kid: signingKeys.kid });
  for (const { kid } of gone) current.audit('signing_key.withdrawn', { kid });
}

interface NewSigningKey {
  readonly purpose: SigningPurpose;
  readonly pair: KeyPair;
  readonly encryptionKeys: EncryptionKeys;
}

async function add(current: Write, { purpose, pair, encryptionKeys }: NewSigningKey, signsFrom: Date): Promise<void> {
  const { kid, publicJwk } = pair;
  const privateJwk = sealedPrivateJwk(pair.privateJwk, { kid, purpose }, encryptionKeys);
  await current.tx
    .insert(signingKeys)
    .values({ kid, purpose, alg: ALG, publicJwk, privateJwk, signsFrom, createdAt: current.at });
  current.audit('signing_key.created', { kid });
}

function retainSecondsOf(purpose: SigningPurpose): number {
  return purpose === 'access-token' ? RETAIN_SECONDS : 0;
}
