import {
  type Algorithm,
  CLOCK_SKEW_SECONDS,
  createKeyPair,
  type KeyFile,
  type KeyRecord,
  type PublicJwk,
} from '@spanpass/credential';
import { and, asc, eq, gt, sql } from 'drizzle-orm';
import { Refusal } from '../problems/refusal.ts';
import { keys, keyUse, pipeds, projects } from '../store/schema.ts';
import type { Actor, Write } from '../store/write.ts';
import type { AuditAction } from '../wire/audit.ts';
import type { KeyStatus, ListedKey } from '../wire/keys.ts';
import { type Idempotency, once } from './idempotency.ts';
import { type Page, toPage } from './page.ts';
import { isPiped, type PipedId, pipedUnknown, requirePiped } from './pipeds.ts';
import { type Precondition, requireRevision } from './precondition.ts';
import { changeKey, type FoundKey, findKey, type KeyRow, recordOf } from './records.ts';
import { type Registry, toSeconds, writeTo } from './registry.ts';

/** Rotation needs the old key and the new one, and nothing needs a third. */
const MAX_ACTIVE_KEYS = 2;

export interface NewKey {
  readonly kid: string;
  readonly alg: Algorithm;
  readonly publicJwk: PublicJwk;
}

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
  const record = await writeTo(registry, actor, write =>
    once<KeyRecord, { kid: string }>(write, call, {
      async first() {
        return { answer: await addKey(registry, write, id, pair, 'key.generated'), kept: { kid: pair.kid } };
      },
      again({ kid }) {
        const detail = `the key ${kid} was made by the same call before, and its file shown: revoke it and make another`;
        throw new Refusal('secret_shown_already', detail);
      },
    }),
  );
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
  // Nobody's write waits for a signature to be verified, unless it must be.
  const proven = call === undefined ? await prove() : undefined;
  return writeTo(registry, actor, write =>
    once<KeyRecord, KeyRecord>(write, call, {
      async first() {
        const record = await addKey(registry, write, id, proven ?? (await prove()), 'key.uploaded');
        return { answer: record, kept: record };
      },
      again: kept => kept,
    }),
  );
}

/**
 * Adds a key to a piped, as part of a write.
 *
 * @throws Refusal `piped_unknown`, `kid_exists`, `too_many_keys`
 */
export async function addKey(
  { settings }: Registry,
  write: Write,
  id: PipedId,
  { kid, alg, publicJwk }: NewKey,
  action: AuditAction,
): Promise<KeyRecord> {
  const createdAt = toSeconds(write.at);
  const active = and(ofPiped(id), eq(keys.status, 'active'), gt(keys.notAfter, createdAt));
  // In one statement, since all other writes wait for this one.
  const [found] = await write.tx
    .select({
      piped: pipeds,
      project: projects,
      isKnown: sql<boolean>`exists (select from ${keys} where ${keys.kid} = ${kid})`,
      active: sql<number>`(select count(*)::int from ${keys} where ${active})`,
    })
    .from(pipeds)
    .innerJoin(projects, eq(projects.project, pipeds.project))
    .where(isPiped(id));
  if (found === undefined) throw pipedUnknown(id);
  const { piped, project } = found;
  if (found.isKnown) throw new Refusal('kid_exists', 'this key is registered already: make a new one');
  if (found.active >= MAX_ACTIVE_KEYS) {
    throw new Refusal('too_many_keys', `the piped ${id.piped} has two active keys already: revoke one of them first`);
  }
  const row = (revision: number): KeyRow => ({
    kid,
    project: id.project,
    piped: id.piped,
    alg,
    publicJwk,
    status: 'active',
    // An auth server whose clock is behind must not refuse a key that was made a moment ago.
    notBefore: Math.max(0, createdAt - CLOCK_SKEW_SECONDS),
    notAfter: createdAt + settings.keyLifeSeconds,
    supersededBy: null,
    overlapEndsAt: null,
    createdAt: write.at,
    revision,
  });
  const revision = write.change(next => ({ kind: 'key', record: recordOf(row(next), piped, project) }));
  await write.tx.insert(keys).values(row(revision));
  write.audit(action, { project: id.project, piped: id.piped, kid });
  return recordOf(row(revision), piped, project);
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
