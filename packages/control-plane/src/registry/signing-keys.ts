import { createKeyPair, type KeyPair, type PrivateJwk } from '@spanpass/credential';
import { and, desc, eq, gt, lte } from 'drizzle-orm';
import type { Database, Store } from '../store/database.ts';
import { signingKeys } from '../store/schema.ts';
import { type Actor, type Write, write } from '../store/write.ts';
import { type Jwks, jwksSchema, SIGNING_PURPOSES, type SigningPurpose } from '../wire/signing-keys.ts';
import { type Registry, writeTo } from './registry.ts';

const ALG = 'ES256';
const MAX_ANNOUNCED_KEYS = 15;

/** Makes the keys that are missing. To be called under the start lock. */
export async function settleSigningKeys(store: Store, now: () => number): Promise<void> {
  for (const purpose of SIGNING_PURPOSES) {
    const [known] = await store.db.select().from(signingKeys).where(eq(signingKeys.purpose, purpose)).limit(1);
    if (known !== undefined) continue;
    const pair = await createKeyPair(ALG);
    await write(store, { role: 'system' }, now, current => add(current, purpose, pair, current.at));
  }
}

/** The key that signs for a purpose now. Secret. */
export async function signingKeyOf(
  { store, now }: Registry,
  purpose: SigningPurpose,
): Promise<{ kid: string; privateJwk: PrivateJwk }> {
  const [key] = await signingNow(store.db, purpose, new Date(now()));
  if (key === undefined) throw new Error(`no key signs for ${purpose}`);
  return { kid: key.kid, privateJwk: key.privateJwk };
}

/** The public halves: of the key that signs now, and of those that will. */
export async function publicKeysOf({ store, now }: Registry, purpose: SigningPurpose): Promise<Jwks> {
  const at = new Date(now());
  const [current] = await signingNow(store.db, purpose, at);
  const announced = await store.db
    .select()
    .from(signingKeys)
    .where(and(eq(signingKeys.purpose, purpose), gt(signingKeys.signsFrom, at)))
    .orderBy(signingKeys.signsFrom, signingKeys.createdAt)
    .limit(MAX_ANNOUNCED_KEYS);
  const keys = [...(current ? [current] : []), ...announced];
  return jwksSchema.parse({ keys: keys.map(({ kid, publicJwk }) => ({ ...publicJwk, kid, alg: ALG, use: 'sig' })) });
}

/** Makes a new key, which takes over after a while: until then it is shown, so that others can get to know it. */
export async function rotateSigningKey(
  registry: Registry,
  actor: Actor,
  purpose: SigningPurpose,
  signsInSeconds: number,
): Promise<void> {
  const pair = await createKeyPair(ALG);
  await writeTo(registry, actor, current =>
    add(current, purpose, pair, new Date(current.at.getTime() + signsInSeconds * 1000)),
  );
}

async function add(current: Write, purpose: SigningPurpose, pair: KeyPair, signsFrom: Date): Promise<void> {
  const { kid, publicJwk, privateJwk } = pair;
  await current.tx
    .insert(signingKeys)
    .values({ kid, purpose, alg: ALG, publicJwk, privateJwk, signsFrom, createdAt: current.at });
  current.audit('signing_key.created', { kid });
}

function signingNow(db: Database, purpose: SigningPurpose, at: Date) {
  return db
    .select()
    .from(signingKeys)
    .where(and(eq(signingKeys.purpose, purpose), lte(signingKeys.signsFrom, at)))
    .orderBy(desc(signingKeys.signsFrom), desc(signingKeys.createdAt))
    .limit(1);
}
