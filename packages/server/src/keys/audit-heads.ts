import { open, rename, rm } from 'node:fs/promises';
import { AuditHeadError, readUnverifiedAuditHead } from '@spanpass/credential';

/** Heads that are kept. Older ones are thinned out, so that some of any age remain. */
const MAX_HEADS = 64;
const MAX_LINE_LENGTH = 1024;
const MAX_FILE_BYTES = MAX_HEADS * (MAX_LINE_LENGTH + 1);
/** Heads come seconds apart, so more than this wait only for a disk that does not answer. */
const MAX_WAITING = 16;

/**
 * What became of a signed audit head. For the log.
 * - `kept`: it is in the file
 * - `behind`: the control plane's audit is shorter than it was: restored from a backup, or its end was cut off
 * - `contradicted`: the same row has another hash than before: somebody wrote the audit anew
 * - `not-kept`: it is malformed (a code of AuditHeadError), the file is, or can't be read or written (an errno)
 */
export type AuditHeadEvent =
  | { readonly kind: 'kept'; readonly seq: number }
  | { readonly kind: 'behind' | 'contradicted'; readonly seq: number; readonly keptSeq: number }
  | { readonly kind: 'not-kept'; readonly reason: string };

interface Kept {
  readonly seq: number;
  readonly hash: string;
  readonly jws: string;
}

/**
 * Keeps the heads of the control plane's audit that come with its heartbeats in a file, where whoever can write to the
 * control plane's database can't reach them. One per line, rising; the newest last. A head never replaces a later one.
 *
 * Whether they were signed by the right key is asked by whoever verifies the audit with them.
 */
export class AuditHeadKeeper {
  readonly #path: string;
  readonly #onEvent: (event: AuditHeadEvent) => void;
  #kept: readonly Kept[] | undefined;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string, onEvent: (event: AuditHeadEvent) => void) {
    this.#path = path;
    this.#onEvent = onEvent;
  }

  /** Keeps a head, after those that came before it. */
  take(jws: string): void {
    if (this.#waiting >= MAX_WAITING) return;
    this.#waiting++;
    this.#last = this.#last.then(async () => {
      const event = await this.#keep(jws).catch(refusal);
      this.#waiting--;
      this.#onEvent(event);
    });
  }

  /** Resolves when what was taken is in the file. */
  close(): Promise<void> {
    return this.#last;
  }

  async #keep(jws: string): Promise<AuditHeadEvent> {
    const { seq, hash } = readUnverifiedAuditHead(jws);
    // Read once: one server has one file of its own.
    this.#kept ??= await read(this.#path);
    const newest = this.#kept.at(-1);
    if (newest !== undefined && seq <= newest.seq) {
      const same = this.#kept.find(kept => kept.seq === seq);
      if (same !== undefined && same.hash !== hash) return { kind: 'contradicted', seq, keptSeq: newest.seq };
      return seq === newest.seq ? { kind: 'kept', seq } : { kind: 'behind', seq, keptSeq: newest.seq };
    }
    const kept = thinned([...this.#kept, { seq, hash, jws }]);
    await replace(this.#path, kept.map(one => `${one.jws}\n`).join(''));
    this.#kept = kept;
    return { kind: 'kept', seq };
  }
}

/** Without the one that is nearest to its neighbours, if there are too many. The first and the newest always stay. */
function thinned(heads: readonly Kept[]): readonly Kept[] {
  if (heads.length <= MAX_HEADS) return heads;
  let dropped = 1;
  let smallest = Number.POSITIVE_INFINITY;
  for (let at = 1; at < heads.length - 1; at++) {
    const age = (heads.at(-1) as Kept).seq - (heads[at] as Kept).seq;
    // What lies far back may be far apart.
    const gap = ((heads[at + 1] as Kept).seq - (heads[at - 1] as Kept).seq) / (age + 1);
    if (gap < smallest) [dropped, smallest] = [at, gap];
  }
  return heads.filter((_, at) => at !== dropped);
}

async function read(path: string): Promise<readonly Kept[]> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return [];
  try {
    const bytes = Buffer.alloc(MAX_FILE_BYTES + 1);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    const text = bytes.toString('latin1', 0, bytesRead);
    if (bytesRead > MAX_FILE_BYTES || (text !== '' && !text.endsWith('\n'))) throw new AuditHeadError('malformed');
    return text
      .split('\n')
      .slice(0, -1)
      .map(jws => ({ jws, ...readUnverifiedAuditHead(jws) }));
  } finally {
    await file.close();
  }
}

async function replace(path: string, text: string): Promise<void> {
  const draft = `${path}.draft`;
  try {
    const file = await open(draft, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw error;
  }
}

function refusal(error: unknown): AuditHeadEvent {
  const code: unknown = (error as { code?: unknown } | undefined)?.code;
  return { kind: 'not-kept', reason: typeof code === 'string' && /^\w{1,32}$/.test(code) ? code : 'failed' };
}
