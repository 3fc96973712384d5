import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { RateLimitedLog } from '../log.ts';
import type { SignalKind } from '../signals.ts';
import { errorCodeOf } from './files.ts';
import type { DropLedger } from './ledger.ts';
import type { Owners } from './owners.ts';
import type { Segment } from './segment.ts';
import { parseSegmentFileName, type SegmentName, segmentFileName } from './segment-name.ts';
import type { SegmentStore } from './segment-store.ts';

const INTERVAL_MS = 1_000;

export interface HousekeeperParts {
  readonly store: SegmentStore;
  readonly owners: Owners;
  readonly ownersFolder: string;
  readonly ledger: DropLedger;
  readonly clock: Clock;
  readonly log: RateLimitedLog;
  readonly onLost: (segment: Segment) => void;
  /** Something to send came in by adoption. */
  readonly onAdopted: (kind: SignalKind) => void;
  /** What else is to be done on each round. */
  readonly onRound: () => Promise<void>;
}

/** Once a second: looks at who else is in the folder, and takes over what the dead left. */
export class Housekeeper {
  readonly #parts: HousekeeperParts;
  #cancel: (() => void) | undefined;
  #round: Promise<void> | undefined;
  #stopped = false;

  constructor(parts: HousekeeperParts) {
    this.#parts = parts;
    this.#schedule(0);
  }

  /** A whole round, begun after the call. */
  async run(): Promise<void> {
    while (this.#round) await this.#round;
    this.#round = this.#goRound().finally(() => {
      this.#round = undefined;
    });
    await this.#round;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#round;
  }

  #schedule(ms: number): void {
    this.#cancel = this.#parts.clock.after(ms, () => {
      void this.run().then(() => {
        if (!this.#stopped) this.#schedule(INTERVAL_MS);
      });
    });
  }

  async #goRound(): Promise<void> {
    const { owners, store, ledger, log, onRound } = this.#parts;
    try {
      owners.beat();
      await this.#look();
      store.recount();
      await onRound();
      ledger.flush();
    } catch (error) {
      log.error('housekeeping', `the spool folder can not be kept in order: ${errorCodeOf(error)}`);
    }
  }

  async #look(): Promise<void> {
    const { store, owners } = this.#parts;
    const byOwner = await this.#segmentsByOwner();
    let bytes = 0;
    let oldestUid: string | undefined;
    for (const [owner, names] of byOwner) {
      if (owner === owners.id || owners.isDead(owner)) {
        await this.#adoptAll(names);
        continue;
      }
      for (const name of names) {
        bytes += await this.#sizeOf(name);
        if (oldestUid === undefined || name.uid < oldestUid) oldestUid = name.uid;
      }
    }
    store.others = { bytes, oldestUid };
    this.#missOwn();
    await this.#forgetDeadOwners(byOwner);
  }

  async #segmentsByOwner(): Promise<Map<string, SegmentName[]>> {
    const byOwner = new Map<string, SegmentName[]>();
    const files = await readdir(this.#parts.store.folder).catch(missingIsEmpty);
    for (const file of files.sort()) {
      const name = parseSegmentFileName(file);
      if (name) byOwner.set(name.owner, [...(byOwner.get(name.owner) ?? []), name]);
    }
    return byOwner;
  }

  /** Own ones too, if taking them in failed before. */
  async #adoptAll(names: readonly SegmentName[]): Promise<void> {
    const known = new Set([...this.#parts.store.segments()].map(segment => segment.uid));
    const left = names.filter(name => !known.has(name.uid));
    if (left.length === 0) return;
    const dropped = this.#parts.ledger.droppedSegments();
    for (const name of left) {
      if (this.#stopped) return;
      try {
        const segment = await this.#parts.store.adopt(name);
        if (segment) await this.#takeIn(segment, dropped.get(name.uid) ?? 0);
      } catch (error) {
        this.#parts.log.error('adopt', `a spool segment of a dead process can not be read: ${errorCodeOf(error)}`);
      }
    }
  }

  async #takeIn(segment: Segment, droppedUpTo: number): Promise<void> {
    const { store, onAdopted } = this.#parts;
    if (droppedUpTo > segment.acknowledged) {
      segment.acknowledge(droppedUpTo, 0, 0, segment.oldestAtMs);
      await segment.rescan();
    }
    store.add(segment);
    if (segment.isDone) store.remove(segment);
    else onAdopted(segment.kind);
  }

  /** What is gone from the folder is not ours any more, whatever took it. */
  #missOwn(): void {
    const { store, onLost } = this.#parts;
    for (const segment of [...store.segments()]) {
      if (!segment.pinned && !existsSync(segment.path)) onLost(segment);
    }
  }

  async #sizeOf(name: SegmentName): Promise<number> {
    const found = await stat(join(this.#parts.store.folder, segmentFileName(name))).catch(() => undefined);
    return found?.size ?? 0;
  }

  async #forgetDeadOwners(byOwner: ReadonlyMap<string, unknown>): Promise<void> {
    const { owners, ownersFolder } = this.#parts;
    for (const file of await readdir(ownersFolder).catch(missingIsEmpty)) {
      const owner = /^([0-9a-f]{16})\.owner$/.exec(file)?.[1];
      if (owner === undefined || owner === owners.id || byOwner.has(owner)) continue;
      if (owners.isDead(owner)) owners.forget(owner);
    }
  }
}

function missingIsEmpty(error: unknown): string[] {
  if (errorCodeOf(error) === 'ENOENT') return [];
  throw error;
}
