import { TraceFlags, trace } from '@opentelemetry/api';
import type { Deployment, DeploymentInfo, InterruptedDeployment } from '../api.ts';
import { removeFile } from '../durable/spool/files.ts';
import type { RestoredRoot } from '../held-deployment.ts';
import { rootSpanIdOf, traceIdOf } from '../ids.ts';
import type { Kit } from '../kit.ts';
import { log } from '../log.ts';
import { BoundedSet } from './bounded-set.ts';
import type { Journal, Kept } from './journal.ts';
import type { JournalFolder, JournalName } from './journal-folder.ts';
import { type JournalContent, type JournalHeader, readJournal } from './journal-reader.ts';
import { LeftDeployment } from './left-deployment.ts';
import { type LeftRoot, leftoversOf } from './leftovers.ts';
import type { Rebuilder } from './rebuilder.ts';

const TICK_MS = 1_000;
const SCAN_EVERY_TICKS = 5;
const MAX_REMEMBERED = 10_000;

export interface RecoveryParts {
  readonly kit: Kit;
  readonly journal: Journal;
  readonly folder: JournalFolder;
  readonly rebuilder: Rebuilder;
  /** Only journals of the same piped are taken. */
  readonly header: JournalHeader;
  readonly graceMs: number;
  readonly resume: (info: DeploymentInfo) => Deployment;
}

type Decide = (deployment: InterruptedDeployment) => void | Promise<void>;

interface Waiting {
  readonly deployment: LeftDeployment;
  /** By the monotonic clock. */
  readonly untilMs: number;
}

/**
 * Takes over what dead processes of this piped left open. What is below a root is closed at once; the root waits for
 * somebody to go on with it, but not for ever.
 */
export class Recovery {
  readonly #parts: RecoveryParts;
  readonly #waiting = new Map<string, Waiting>();
  /** Roots that had ended, or that nobody wanted. */
  readonly #closed = new BoundedSet<string>(MAX_REMEMBERED);
  readonly #timer: NodeJS.Timeout;
  #decide: Decide | undefined;
  #ticks = 0;
  #isClosed = false;
  #hasFailed = false;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
    this.#scan();
  }

  recover(decide?: Decide): InterruptedDeployment[] {
    if (decide) this.#decide = decide;
    for (const { deployment } of [...this.#waiting.values()]) this.#ask(deployment);
    this.#scan();
    return [...this.#waiting.values()].map(({ deployment }) => deployment);
  }

  /**
   * The root of a deployment that somebody goes on with; undefined if there is none to go on with.
   *
   * @param isResumed somebody says that it was begun before, and that its holder is gone
   */
  restored(info: DeploymentInfo, isResumed: boolean): RestoredRoot | undefined {
    if (this.#isClosed) return undefined;
    const traceId = traceIdOf(info.id);
    if (this.#closed.has(traceId)) {
      log.warn(`deployment ${info.id} goes on after its root span was closed, which stays as it is`);
      return closedRoot(info.id);
    }
    this.#attempt(() => this.#adopt(this.#parts.folder.suspended(traceId)));
    const left = this.#waiting.get(traceId)?.deployment ?? (isResumed ? this.#seenElsewhere(traceId) : undefined);
    return left?.restore(info);
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#parts.journal.close();
    this.#attempt(() => this.#parts.folder.resign());
  }

  #tick(): void {
    const { journal, folder } = this.#parts;
    journal.tick();
    this.#attempt(() => folder.beat());
    if (++this.#ticks % SCAN_EVERY_TICKS === 0) this.#scan();
    const nowMs = performance.now();
    for (const [traceId, { deployment, untilMs }] of [...this.#waiting]) {
      if (nowMs < untilMs) continue;
      log.warn(`deployment ${deployment.id} was left open, and nobody resumed it: it is closed as interrupted`);
      deployment.interrupt();
      this.#closed.add(traceId);
    }
  }

  #scan(): void {
    if (this.#isClosed) return;
    this.#attempt(() => {
      for (const deployment of this.#adopt(this.#parts.folder.left())) this.#ask(deployment);
      this.#hasFailed = false;
    });
  }

  /** What is kept of a root is on disk before the rest goes out, and all of it before a journal goes: a kill between is no loss. */
  #adopt(names: readonly JournalName[]): LeftDeployment[] {
    const taken = names.flatMap(name => this.#attempt(() => this.#taken(name)) ?? []);
    const { roots, others } = leftoversOf(taken.map(({ content }) => content));
    const isKept = roots.map(root => this.#wait(root)).every(Boolean);
    for (const { record, left } of others) {
      this.#parts.rebuilder.close(record, left);
      if (!record.parent) this.#closed.add(record.traceId);
    }
    for (const { path } of isKept ? taken : []) this.#attempt(() => removeFile(path));
    return roots.flatMap(({ record }) => this.#waiting.get(record.traceId)?.deployment ?? []);
  }

  #taken(name: JournalName): { readonly path: string; readonly content: JournalContent } | undefined {
    const { folder } = this.#parts;
    const content = readIfThere(folder.pathOf(name));
    if (content === 'gone') return undefined;
    if (!content) {
      log.error(`${name.file} holds no readable journal: what it may have held is lost`);
      folder.markDamaged(name);
      return undefined;
    }
    if (!this.#isOfThisPiped(content)) return undefined;
    const path = folder.take(name);
    return path === undefined ? undefined : { path, content };
  }

  /** @returns whether it is safe to forget where it was found */
  #wait(root: LeftRoot): boolean {
    const { traceId } = root.record;
    const { journal, graceMs } = this.#parts;
    if (this.#waiting.has(traceId) || this.#closed.has(traceId) || journal.holdsOrHeld(traceId)) return true;
    const kept = journal.keep(root.record, root.left, root.parts);
    const deployment = this.#leftDeployment(root, kept);
    if (deployment) this.#waiting.set(traceId, { deployment, untilMs: performance.now() + graceMs });
    return kept.slot.at !== undefined;
  }

  /**
   * It takes a while to tell whether a process lives that can't be looked up. Until then its journal is read, but left
   * alone.
   */
  #seenElsewhere(traceId: string): LeftDeployment | undefined {
    return this.#attempt(() => {
      const contents = this.#parts.folder.ofOthers().flatMap(name => {
        const content = readIfThere(this.#parts.folder.pathOf(name));
        return content && content !== 'gone' && this.#isOfThisPiped(content) ? [content] : [];
      });
      const root = leftoversOf(contents).roots.find(({ record }) => record.traceId === traceId);
      return root && this.#leftDeployment(root);
    });
  }

  #leftDeployment(root: LeftRoot, kept?: Kept): LeftDeployment | undefined {
    const { kit, journal, rebuilder, resume } = this.#parts;
    const description = root.record.deployment;
    if (!description) return undefined;
    const onSettled = () => this.#waiting.delete(root.record.traceId);
    return new LeftDeployment({ kit, journal, rebuilder, resume, root, description, onSettled, ...(kept && { kept }) });
  }

  #isOfThisPiped({ header }: JournalContent): boolean {
    return header.project === this.#parts.header.project && header.piped === this.#parts.header.piped;
  }

  #ask(deployment: LeftDeployment): void {
    const failed = (error: unknown) =>
      log.error(`what becomes of deployment ${deployment.id} could not be decided: ${String(error)}`);
    try {
      this.#decide?.(deployment)?.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** Telemetry is no reason to fail. Said once, until a scan succeeds. */
  #attempt<T>(fn: () => T): T | undefined {
    try {
      return fn();
    } catch (error) {
      if (!this.#hasFailed) log.error(`journals of open spans can't be read: ${String(error)}`);
      this.#hasFailed = true;
      return undefined;
    }
  }
}

function readIfThere(path: string): JournalContent | undefined | 'gone' {
  try {
    return readJournal(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'gone';
    throw error;
  }
}

/** Its children find their parent; what is said of it from now on goes nowhere, so that it is not exported twice. */
function closedRoot(id: string): RestoredRoot {
  const context = { traceId: traceIdOf(id), spanId: rootSpanIdOf(id), traceFlags: TraceFlags.SAMPLED };
  return { span: trace.wrapSpanContext(context), parts: [], startedMs: undefined };
}
