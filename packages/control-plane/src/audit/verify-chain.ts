import { z } from 'zod';
import { seconds } from '../wire/time.ts';
import { auditRowHash, GENESIS_HASH } from './row-hash.ts';

const hashSchema = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);

/**
 * An audit row as it came, known actions or not: whoever checks a chain has to be able to check that of a newer version.
 * Members besides these are no part of a row.
 */
export const chainedRowSchema = z.strictObject({
  seq: count.positive(),
  at: seconds,
  atMs: count,
  actor: z.strictObject({
    role: z.string().max(64),
    tokenId: z.string().max(256).optional(),
    person: z
      .strictObject({
        issuer: z.string().max(2048),
        subject: z.string().max(1024),
        email: z.string().max(1024).optional(),
      })
      .optional(),
    peerAddress: z.string().max(256).optional(),
  }),
  action: z.string().max(64),
  target: z.record(z.string().max(64), z.string().max(1024)),
  revision: count,
  hash: hashSchema,
});

export type ChainedRow = z.infer<typeof chainedRowSchema>;

/** Where a chain stood: its last row and that row's hash. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

/**
 * What is wrong with a chain, and at which row.
 * - `malformed`: this is no audit row
 * - `missing`: the row is not there, and later ones are
 * - `out_of_order`: a row comes after a later one, or twice
 * - `changed`: the row, or one before it, was not written like this
 * - `rewritten`: the chain holds, but a head says that another row was here
 * - `cut_off`: a head says that there were rows up to its own, and from this one on they are not there
 */
export type ChainFault = 'malformed' | 'missing' | 'out_of_order' | 'changed' | 'rewritten' | 'cut_off';

export type ChainVerdict =
  | { readonly intact: true; readonly rows: number; readonly head: ChainHead }
  | { readonly intact: false; readonly rows: number; readonly fault: ChainFault; readonly seq: number };

/**
 * Checks a chain of audit rows from its first row on, trusting nothing but the heads: every hash is computed here.
 *
 * @param rows in the order in which they came
 * @param heads where the chain is known to have stood; without them nobody can tell that its end was cut off, or that
 *   somebody computed all hashes anew
 */
export async function verifyAuditChain(
  rows: AsyncIterable<unknown> | Iterable<unknown>,
  heads: readonly ChainHead[] = [],
): Promise<ChainVerdict> {
  const expected = new Map<number, Set<string>>();
  for (const { seq, hash } of heads) expected.set(seq, (expected.get(seq) ?? new Set()).add(hash));
  let head: ChainHead = { seq: 0, hash: GENESIS_HASH };
  const broken = (fault: ChainFault, seq: number): ChainVerdict => ({ intact: false, rows: head.seq, fault, seq });
  for await (const input of rows) {
    const parsed = chainedRowSchema.safeParse(input);
    if (!parsed.success) return broken('malformed', head.seq + 1);
    const row = parsed.data;
    if (row.seq > head.seq + 1) return broken('missing', head.seq + 1);
    if (row.seq <= head.seq) return broken('out_of_order', row.seq);
    const isAsWritten = row.at === Math.floor(row.atMs / 1000) && row.hash === auditRowHash(head.hash, row);
    if (!isAsWritten) return broken('changed', row.seq);
    for (const hash of expected.get(row.seq) ?? []) if (hash !== row.hash) return broken('rewritten', row.seq);
    head = { seq: row.seq, hash: row.hash };
  }
  if (heads.some(({ seq }) => seq > head.seq)) return broken('cut_off', head.seq + 1);
  return { intact: true, rows: head.seq, head };
}
