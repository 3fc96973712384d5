import {
  type Algorithm,
  CLOCK_SKEW_SECONDS,
  createKeyPair,
  type KeyFile,
  type KeyRecord,
  type PublicJwk,
} from '@spanpass/credential';
import { and, desc, eq, gt } from 'drizzle-orm';
import { Refusal } from '../problems/refusal.ts';
import { keys } from '../store/schema.ts';
import type { Actor, Write } from '../store/write.ts';
import type { AuditAction } from '../wire/audit.ts';
import { type PipedId, requirePiped } from './pipeds.ts';
import { changeKey, findKey, type KeyRow, recordOf } from './records.ts';
import { type Registry, toSeconds, writeTo } from './registry.ts';

/** Rotation needs the old key and the new one, and nothing needs a third. */
const MAX_ACTIVE_KEYS = 2;
const MAX_LISTED_KEYS = 1000;

export interface NewKey {
  readonly kid: string;
  readonly alg: Algorithm;
  readonly publicJwk: PublicJwk;
}

/** Makes a key pair here. The key file with the private half is handed out once, and kept nowhere. */
export async function generateKey(
  registry: Registry,
  actor: Actor,
  id: PipedId,
  { alg, controlPlane }: { readonly alg: Algorithm | undefined; readonly controlPlane: string },
): Promise<{ record: KeyRecord; keyFile: KeyFile }> {
  const pair = await createKeyPair(alg);
  const record = await writeTo(registry, actor, write => addKey(registry, write, id, pair, 'key.generated'));
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

/** Takes in a public key whose possession was proven. */
export function uploadKey(registry: Registry, actor: Actor, id: PipedId, key: NewKey): Promise<KeyRecord> {
  return writeTo(registry, actor, write => addKey(registry, write, id, key, 'key.uploaded'));
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
  const { piped, project } = await requirePiped(write, id);
  const [known] = await write.tx.select({ kid: keys.kid }).from(keys).where(eq(keys.kid, kid));
  if (known !== undefined) throw new Refusal('kid_exists', 'this key is registered already: make a new one');
  const createdAt = toSeconds(write.at);
  const active = await write.tx
    .select({ kid: keys.kid })
    .from(keys)
    .where(and(ofPiped(id), eq(keys.status, 'active'), gt(keys.notAfter, createdAt)));
  if (active.length >= MAX_ACTIVE_KEYS) {
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
    createdAt: write.at,
    revision,
  });
  const revision = write.change(next => ({ kind: 'key', record: recordOf(row(next), piped, project) }));
  await write.tx.insert(keys).values(row(revision));
  write.audit(action, { project: id.project, piped: id.piped, kid });
  return recordOf(row(revision), piped, project);
}

/** Revokes a key for good. Changes nothing, and makes no revision, if it was revoked before. */
export function revokeKey(registry: Registry, actor: Actor, kid: string): Promise<KeyRecord> {
  return writeTo(registry, actor, async write => {
    const { found } = await findKey(write.tx, kid);
    if (found === undefined) throw new Refusal('key_unknown', 'no key has this kid');
    const { key, piped, project } = found;
    if (key.status === 'revoked') return recordOf(key, piped, project);
    return changeKey(write, found, { status: 'revoked' }, 'key.revoked');
  });
}

/** The keys that a piped has had, the newest last, and of very many the newest only. */
export async function listKeys({ store }: Registry, id: PipedId): Promise<KeyRecord[]> {
  const { piped, project } = await requirePiped({ tx: store.db }, id);
  const rows = await store.db
    .select()
    .from(keys)
    .where(ofPiped(id))
    .orderBy(desc(keys.createdAt), desc(keys.kid))
    .limit(MAX_LISTED_KEYS);
  return rows.reverse().map(row => recordOf(row, piped, project));
}

function ofPiped({ project, piped }: PipedId) {
  return and(eq(keys.project, project), eq(keys.piped, piped));
}
