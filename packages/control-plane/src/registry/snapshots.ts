import { encodeKeySnapshot, signKeySnapshot } from '@spanpass/credential';
import { sql } from 'drizzle-orm';
import { keys } from '../store/schema.ts';
import { findKeys, recordOf } from './records.ts';
import type { Registry } from './registry.ts';
import { signingKeyOf } from './signing-keys.ts';

/** Key records as of one revision, and the signature for exactly these bytes. */
export interface SignedSnapshot {
  readonly revision: number;
  readonly jws: string;
  readonly body: Uint8Array;
}

/** The records of those kids that a key has, as of one and the same moment, signed. */
export async function signedSnapshot(registry: Registry, kids: readonly string[]): Promise<SignedSnapshot> {
  // Before the read, so that nothing in it is older than it says.
  const issuedAtMs = registry.now();
  // The kids as one value: a statement can have only so many.
  const wanted = sql`${keys.kid} in (select jsonb_array_elements_text(${JSON.stringify(kids)}::jsonb))`;
  const { revision, found } = await findKeys(registry.store.db, wanted);
  const body = encodeKeySnapshot(found.map(({ key, piped, project }) => recordOf(key, piped, project)));
  const key = await signingKeyOf(registry, 'snapshot');
  return { revision, body, jws: await signKeySnapshot(key, { body, revision, issuedAtMs }) };
}
