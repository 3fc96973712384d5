import { type Algorithm, createKeyPair, type KeyFile, type KeyRecord } from '@spanpass/credential';
import { and, asc, eq, gt, sql } from 'drizzle-orm';
import { Refusal } from '../problems/refusal.ts';
import { keys, keyUse } from '../store/schema.ts';
import type { Actor, Write } from '../store/write.ts';
import type { AuditAction } from '../wire/audit.ts';
import type { KeyStatus, ListedKey } from '../wire/keys.ts';
import { type Addition, addKey, addKeys, type NewKey } from './add-keys.ts';
import { type Idempotency, once } from './idempotency.ts';
import { type Page, toPage } from './page.ts';
import { type PipedId, requirePiped } from './pipeds.ts';
import { type Precondition, requireRevision } from './precondition.ts';
import { changeKey, type FoundKey, findKey, type KeyRow, recordOf } from './records.ts';
import { type Registry, shareWrite, toSeconds, writeTo } from './registry.ts';

/**
 * Makes a key pair here. The key file with the private half is handed out once, and kept nowhere.
 *
 * @throws Refusal those of `addKey`, `secret_shown_already`
 */
export async function generateKey(
  registry: Registry,
  actor: Actor,
  id: PipedId,
  { alg, controlPlane, call }: { alg: Algorithm | undefined; controlPlane: string; call?: Idempotency | undefined },
): Promise<{ record: KeyRecord; keyFile: KeyFile }> {
  const pair = await createKeyPair(alg);
  const addition = additionOf(registry, id, pair, 'key.generated');
  const record = await addOnce<{ kid: string }>(registry, actor, call, {
    addition: async () => addition,
    keep: ({ kid }) => ({ kid }),
    again({ kid }) {
      const detail = `the key ${kid} was made by the same call before, and its file shown: revoke it and make another`;
      throw new Refusal('secret_shown_already', detail);
    },
  });
  const keyFile: KeyFile = {
    v: 1,
    kid: record.kid,
    alg: record.alg,
    project: record.project,
    piped: record.piped,
    audience: registry.settings.gatewayAudience,
    controlPlane,
    notAfter: record.notAfter,
    issuedAt: record.notBefore,
    privateJwk: pair.privateJwk,
  };
  return { record, keyFile };
}

/**
 * Takes in a public key.
 *
 * @param prove verifies that it is held. Not asked for a call that came before: a proof is good for two minutes only
 */
export async function uploadKey(
  registry: Registry,
  actor: Actor,
  id: PipedId,
  { prove, call }: { prove: () => Promise<NewKey>; call?: Idempotency | undefined },
): Promise<KeyRecord> {
  return addOnce<KeyRecord>(registry, actor, call, {
    addition: async () => additionOf(registry, id, await prove(), 'key.uploaded'),
    keep: record => record,
    again: record => record,
  });
}

function additionOf({ settings }: Registry, id: PipedId, key: NewKey, action: AuditAction): Addition {
  return { id, key, lifeSeconds: settings.keyLifeSeconds, action };
}

/** Adds a key together with those that come at the same time, or by itself if it may have come before. */
async function addOnce<K>(
  registry: Registry,
  actor: Actor,
  call: Idempotency | undefined,
  {
    addition,
    keep,
    again,
  }: {
    readonly addition: () => Promise<Addition>;
    readonly keep: (record: KeyRecord) => K;
    readonly again: (kept: K) => KeyRecord;
  },
): Promise<KeyRecord> {
  // Nobody's write waits for a signature to be verified, unless it must be.
  if (call === undefined) return shareWrite(registry, actor, await addition(), addKeys);
  return writeTo(registry, actor, write =>
    once<KeyRecord, K>(write, call, {
      async first() {
        const record = await addKey(write, await addition());
        return { answer: record, kept: keep(record) };
      },
      again,
    }),
  );
}

/**
 * Revokes a key for good. Changes nothing, and makes no revision, if it was revoked before.
 *
 * @param force also if the piped is then left without a key that it is known to use
 * @throws Refusal `key_unknown`, `precondition_failed`, `last_key_in_use`
 */
export function revokeKey(
  registry: Registry,
  actor: Actor,
  kid: string,
  { force = false, known }: { readonly force?: boolean; readonly known?: Precondition } = {},
): Promise<KeyRecord> {
  return writeTo(registry, actor, async write => {
    const found = await findKey(write.tx, kid);
    if (found === undefined) throw new Refusal('key_unknown', 'no key has this kid');
    const { key, piped, project } = found;
    const record = recordOf(key, piped, project);
    requireRevision(known, record.revision);
    if (key.status === 'revoked') return record;
    if (!force && (await isLastInUse(write, found))) {
      const detail = `${piped.piped} uses this key and has shown no other one: to shut it out, or if the key was stolen, force it`;
      throw new Refusal('last_key_in_use', detail);
    }
    return changeKey(write, found, { status: 'revoked' }, 'key.revoked');
  });
}

/** Whether a piped has used this key, and no other one that it could go on with. */
async function isLastInUse(write: Write, { key }: FoundKey): Promise<boolean> {
  const nowSeconds = toSeconds(write.at);
  if (key.status !== 'active' || key.notAfter <= nowSeconds) return false;
  const used = await write.tx
    .select({ kid: keys.kid })
    .from(keys)
    .innerJoin(keyUse, eq(keyUse.kid, keys.kid))
    .where(and(ofPiped(key), eq(keys.status, 'active'), gt(keys.notAfter, nowSeconds)));
  return used.length === 1 && used[0]?.kid === key.kid;
}

/** What the list is ordered by: when the key was added, in milliseconds, and its kid. */
export type ListKey = readonly [createdAtMs: number, kid: string];

/** One page of the keys that a piped has had, the newest last. */
export async function listKeys(
  { store }: Registry,
  id: PipedId,
  { status, after, limit }: { status?: KeyStatus | undefined; after?: ListKey | undefined; limit: number },
): Promise<Page<ListedKey, ListKey>> {
  const { piped, project } = await requirePiped({ tx: store.db }, id);
  const rows = await store.db
    .select({ key: keys, lastUsedAt: keyUse.lastUsedAt })
    .from(keys)
    .leftJoin(keyUse, eq(keyUse.kid, keys.kid))
    .where(
      and(
        ofPiped(id),
        status && eq(keys.status, status),
        after &&
          sql`(${keys.createdAt}, ${keys.kid}) > (${new Date(after[0]).toISOString()}::timestamptz, ${after[1]})`,
      ),
    )
    .orderBy(asc(keys.createdAt), asc(keys.kid))
    .limit(limit + 1);
  return toPage(rows, limit, {
    item: ({ key, lastUsedAt }) => ({
      ...recordOf(key, piped, project),
      ...(lastUsedAt && { lastUsedAt: toSeconds(lastUsedAt) }),
    }),
    key: ({ key }) => [key.createdAt.getTime(), key.kid] as const,
  });
}

function ofPiped({ project, piped }: Pick<KeyRow, 'project' | 'piped'>) {
  return and(eq(keys.project, project), eq(keys.piped, piped));
}
