import { type Context, createContextKey, TraceFlags } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { log } from '../log.ts';
import type { Part } from '../stages.ts';
import { tagsOf } from '../tags.ts';
import { message } from '../text.ts';
import type { WorkEnd } from '../work.ts';
import { BoundedSet } from './bounded-set.ts';
import { JournalFile } from './journal-file.ts';
import type { JournalFolder } from './journal-folder.ts';
import { headerPayload, type JournalHeader, MAX_RECORD_BYTES } from './journal-reader.ts';
import { JournalStore, type Slot } from './journal-store.ts';
import { type PartRecord, partRecordOf } from './part-record.ts';
import { type DeploymentDescription, type Left, recordOf, reduced, type SpanRecord } from './span-record.ts';

const ROOT_OF = createContextKey('spanpass journal root');
const NOT_JOURNALED = createContextKey('spanpass not journaled');
const MAX_REMEMBERED = 10_000;

export interface JournalParts {
  readonly folder: JournalFolder;
  readonly header: JournalHeader;
  readonly nowMs: () => number;
  readonly maxBytes: number;
}

/** A root that nobody holds, with what is known of the deployment's parts. */
export interface Kept {
  readonly slot: Slot;
  readonly parts: ReadonlyMap<string, Slot>;
}

interface Entry {
  readonly deployment: DeploymentDescription | undefined;
  readonly parts: Map<string, Slot>;
  slot: Slot;
  /** Since it ended: what an exporter is about to get. */
  ended?: Slot;
}

/** For the start of a deployment's root: what to keep, so that another process can take the deployment up. */
export function asRootOf(context: Context, info: DeploymentDescription): Context {
  const { id, application, pageUrl, environment, labels } = info;
  const description = {
    id,
    application,
    ...(pageUrl !== undefined && { pageUrl }),
    ...(environment !== undefined && { environment }),
    ...(labels && { labels }),
  };
  return context.setValue(ROOT_OF, description);
}

/** For a span that another journal still holds. */
export function notJournaled(context: Context): Context {
  return context.setValue(NOT_JOURNALED, true);
}

/** Writes down which spans of deployments are open in this process, for whoever comes after a kill. */
export class Journal {
  readonly #parts: JournalParts;
  readonly #header: Buffer;
  readonly #store: JournalStore;
  readonly #entries = new Map<unknown, Entry>();
  readonly #held = new BoundedSet<string>(MAX_REMEMBERED);
  #tooLarge = false;

  constructor(parts: JournalParts) {
    const { folder, header, nowMs, maxBytes } = parts;
    this.#parts = parts;
    this.#header = headerPayload(header);
    this.#store = new JournalStore({ path: folder.ownPath, header: this.#header, nowMs }, maxBytes);
  }

  opened(span: ReadableSpan, context: Context): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0 || context.getValue(NOT_JOURNALED)) return;
    const deployment = context.getValue(ROOT_OF) as DeploymentDescription | undefined;
    if (!deployment && Object.keys(tagsOf(context)).length === 0) return;
    const slot = this.#store.add(this.#encoded(recordOf(span, deployment)));
    this.#entries.set(span, { deployment, parts: new Map(), slot });
    if (deployment) this.#held.add(span.spanContext().traceId);
  }

  /** Whether the root was made here, and not let go of: if another journal has it too, it has been taken over. */
  holdsOrHeld(traceId: string): boolean {
    return this.#held.has(traceId);
  }

  /** Before an exporter gets it: whoever finds this after a kill exports just the same once more. */
  ended(span: ReadableSpan): void {
    const entry = this.#entries.get(span);
    if (!entry) return;
    entry.ended = this.#store.replace(entry.slot, this.#encoded(recordOf(span)));
  }

  exported(span: ReadableSpan): void {
    const entry = this.#entries.get(span);
    if (!entry) return;
    this.#entries.delete(span);
    for (const slot of [entry.slot, entry.ended, ...entry.parts.values()]) if (slot) this.#store.remove(slot);
  }

  /** It has a new event, or the like. */
  changed(span: unknown): void {
    const entry = this.#entries.get(span);
    if (!entry || entry.ended) return;
    const payload = this.#encoded(recordOf(span as ReadableSpan, entry.deployment));
    if (!payload.equals(entry.slot.payload)) entry.slot = this.#store.replace(entry.slot, payload);
  }

  partEnded(root: unknown, traceId: string, part: Part, end: WorkEnd): void {
    const entry = this.#entries.get(root);
    if (!entry) return;
    const before = entry.parts.get(part.id);
    entry.parts.set(part.id, this.#store.add(encoded(partRecordOf(traceId, part, end))));
    if (before) this.#store.remove(before);
  }

  /** Lets go of a deployment: its root goes into a file of its own, which any process may take, this one included. */
  setAside(root: unknown, reason: string): void {
    const entry = this.#entries.get(root);
    if (!entry) return;
    const { folder, header, nowMs } = this.#parts;
    const left: Left = { atMs: nowMs(), reason: message(reason), version: header.version };
    const record = { ...recordOf(root as ReadableSpan, entry.deployment), left };
    const payload = this.#encoded(record);
    const parts = [...entry.parts.values()];
    this.#entries.delete(root);
    this.#held.delete(record.traceId);
    try {
      const path = folder.suspendedPath(record.traceId);
      const payloads = [payload, ...parts.map(slot => slot.payload)];
      new JournalFile({ path, header: this.#header, nowMs }, payloads).close();
      for (const slot of [entry.slot, ...parts]) this.#store.remove(slot);
    } catch (error) {
      log.error(`the root of a suspended deployment stays in this process: ${String(error)}`);
      this.#store.replace(entry.slot, payload);
    }
  }

  /** Takes a root over from another journal. Without room on the disk, it has no place yet. */
  keep(record: SpanRecord, left: Left, parts: readonly PartRecord[]): Kept {
    const slot = this.#store.add(this.#encoded({ ...record, left }));
    return { slot, parts: new Map(parts.map(part => [part.part.id, this.#store.add(encoded(part))])) };
  }

  /** The root is open again, or closed, as a span of this process. */
  release(kept: Kept, root: unknown): void {
    const entry = this.#entries.get(root);
    this.#store.remove(kept.slot);
    for (const [id, slot] of kept.parts) {
      if (entry) entry.parts.set(id, slot);
      else this.#store.remove(slot);
    }
  }

  /** Attributes that were set on the spans themselves reach the disk here. */
  tick(): void {
    for (const span of this.#entries.keys()) this.changed(span);
    this.#store.tick();
  }

  close(): void {
    for (const span of this.#entries.keys()) this.changed(span);
    this.#entries.clear();
    this.#store.close();
  }

  #encoded(record: SpanRecord): Buffer {
    const whole = encoded(record);
    if (whole.length <= MAX_RECORD_BYTES) return whole;
    if (!this.#tooLarge) log.warn(`span ${record.name} is too large for the journal, which keeps less of it`);
    this.#tooLarge = true;
    return encoded(reduced(record));
  }
}

function encoded(record: SpanRecord | PartRecord): Buffer {
  return Buffer.from(JSON.stringify(record));
}
