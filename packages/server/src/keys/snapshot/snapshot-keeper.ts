import { KeySnapshotError, type SnapshotKeys, verifyKeySnapshot } from '@spanpass/credential';
import type { Change } from '../changes.ts';
import type { KeyAnswer } from '../fetch-key.ts';
import type { FetchSnapshot } from './fetch-snapshot.ts';
import type { LoadedSnapshot } from './loaded-snapshot.ts';
import { type SnapshotEvent, type SnapshotProblem, SnapshotRefusal } from './snapshot-event.ts';
import { lastRevision, type SnapshotFiles } from './snapshot-files.ts';
import { RecordIndex, type Strike, strikeOf, withoutStruck } from './strikes.ts';

export interface SnapshotKeeperOptions {
  readonly files: SnapshotFiles;
  readonly keys: SnapshotKeys;
  readonly fetch: FetchSnapshot;
  readonly maxAgeMs: number;
  readonly everyMs: number;
  /** Whose records are worth keeping. */
  kidsAtHand(): readonly string[];
  /** Steady clock, in milliseconds. */
  readonly clock: () => number;
  /** Wall clock, in milliseconds: the only one that goes on while no process runs. */
  readonly now: () => number;
  /** From 0 to 1, so that servers started together do not ask together. */
  readonly random: () => number;
  onEvent(event: SnapshotEvent): void;
}

/** How soon after a start, or after a failure, a snapshot is asked for. */
const SOON_MS = 5000;
const MAX_CHANGES_MEANWHILE = 10_000;

/** The snapshot on disk, as far as it must be known here. */
interface Kept {
  readonly revision: number;
  readonly index: RecordIndex;
}

/**
 * Keeps a snapshot of the records at hand on disk, signed by the control plane, for a start without it. What the feed
 * or a lookup tells of one of its records is noted there before anything is answered by it, so that a restart never
 * takes back what this server has known.
 */
export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions;
  readonly #closing = new AbortController();
  #usable = false;
  #kept: Kept | undefined;
  /** What changed while a snapshot is on its way. */
  #meanwhile: Strike[] | undefined;
  /** Grows with each reset: what was asked for before one is of no use. */
  #epoch = 0;
  #nextAt: number;
  #renewing: Promise<void> | undefined;

  constructor(options: SnapshotKeeperOptions) {
    this.#options = options;
    this.#nextAt = options.clock() + Math.min(SOON_MS, options.everyMs);
  }

  /** The snapshot that an earlier process left, if it may be believed. To be called once, before all else. */
  async load(): Promise<LoadedSnapshot | undefined> {
    const { files, keys, maxAgeMs, now, onEvent } = this.#options;
    try {
      const floor = await files.open();
      this.#usable = true;
      const found = await files.read();
      if (floor === undefined) throw new SnapshotRefusal('floor_missing');
      const snapshot = await verifyKeySnapshot(found.jws, found.body, { keys, maxAgeMs, now, minRevision: 0 });
      if (lastRevision(snapshot.revision, found.strikes) < floor) throw new SnapshotRefusal('rolled_back');
      files.adopt(found);
      this.#kept = { revision: snapshot.revision, index: new RecordIndex(snapshot.records) };
      this.#nextAt = this.#options.clock() + this.#options.everyMs;
      const records = withoutStruck(snapshot.records, found.strikes);
      onEvent({ kind: 'loaded', revision: snapshot.revision, records: records.length });
      return { revision: snapshot.revision, ageMs: Math.max(0, now() - snapshot.issuedAt * 1000), records };
    } catch (error) {
      const refusal = refusalOf(error);
      // Nothing is noted on a snapshot that is not in use, so it must not come into use later on.
      if (this.#usable && refusal.reason !== 'missing') files.remove('set-aside');
      onEvent({ kind: 'not-loaded', ...told(refusal) });
      return undefined;
    }
  }

  /** To be called often while the feed is live, with its revision. */
  tick(revision: number): void {
    const { clock, kidsAtHand } = this.#options;
    if (!this.#usable || this.#meanwhile !== undefined || clock() < this.#nextAt) return;
    const kids = kidsAtHand();
    if (kids.length > 0) this.#renewing = this.#renew(kids, revision);
  }

  /** A change that was applied here. */
  applied(change: Change): void {
    const strike = strikeOf(change);
    if (this.#meanwhile !== undefined && this.#meanwhile.length <= MAX_CHANGES_MEANWHILE) this.#meanwhile.push(strike);
    this.#note(strike);
  }

  /** An answer of the control plane, which may be ahead of the feed. */
  looked(kid: string, { record, revision }: KeyAnswer): void {
    this.#note({ kind: 'key', kid, revision: record?.revision ?? revision });
  }

  /** Anything may have changed. */
  reset(): void {
    this.#epoch++;
    if (this.#kept !== undefined) this.#drop(new SnapshotRefusal('reset'));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#usable = false;
    this.#kept = undefined;
    await this.#renewing;
    this.#options.files.close();
  }

  #note(strike: Strike): void {
    if (this.#kept === undefined || strike.revision <= this.#kept.revision || !this.#kept.index.concerns(strike))
      return;
    try {
      this.#options.files.strike(strike);
    } catch (error) {
      this.#drop(refusalOf(error));
    }
  }

  #drop(refusal: SnapshotRefusal): void {
    this.#kept = undefined;
    this.#options.files.remove('drop');
    this.#nextAt = Math.min(this.#nextAt, this.#options.clock() + SOON_MS);
    this.#options.onEvent({ kind: 'dropped', ...told(refusal) });
  }

  async #renew(kids: readonly string[], minRevision: number): Promise<void> {
    const { clock, everyMs, random, onEvent } = this.#options;
    const meanwhile: Strike[] = [];
    this.#meanwhile = meanwhile;
    let pauseMs = Math.min(SOON_MS, everyMs);
    try {
      onEvent({ kind: 'kept', ...(await this.#fetchAndKeep(kids, minRevision, meanwhile)) });
      pauseMs = everyMs;
    } catch (error) {
      if (!this.#closing.signal.aborted) onEvent({ kind: 'not-kept', ...told(refusalOf(error)) });
    }
    this.#meanwhile = undefined;
    this.#nextAt = clock() + pauseMs * (0.9 + random() / 5);
  }

  async #fetchAndKeep(kids: readonly string[], minRevision: number, meanwhile: readonly Strike[]) {
    const { files, fetch, keys, maxAgeMs, now } = this.#options;
    const epoch = this.#epoch;
    const { jws, body } = await fetch(kids, this.#closing.signal);
    const { revision, records } = await verifyKeySnapshot(jws, body, { keys, maxAgeMs, minRevision, now });
    await files.draft(jws, body);
    // From here on nothing can come in between.
    this.#closing.signal.throwIfAborted();
    if (epoch !== this.#epoch) throw new SnapshotRefusal('reset');
    if (meanwhile.length > MAX_CHANGES_MEANWHILE) throw new SnapshotRefusal('struck_too_often');
    const index = new RecordIndex(records);
    const strikes = meanwhile.filter(strike => strike.revision > revision && index.concerns(strike));
    files.replaceByDraft(revision, strikes);
    this.#kept = { revision, index };
    return { revision, records: records.length };
  }
}

function refusalOf(error: unknown): SnapshotRefusal {
  if (error instanceof SnapshotRefusal) return error;
  if (error instanceof KeySnapshotError) return new SnapshotRefusal(error.code, { cause: error });
  return new SnapshotRefusal('unreadable', { cause: error });
}

function told({ reason, detail }: SnapshotRefusal): { reason: SnapshotProblem; detail?: string } {
  return { reason, ...(detail !== undefined && { detail }) };
}
