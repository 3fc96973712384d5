import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { DeploymentTracingOptions } from '../../api.ts';
import { scratchFolder } from '../../durable/testing/scratch.ts';
import { type Harness, harness, T0 } from '../../harness.test.helper.ts';
import { type JournalContent, readJournal } from '../journal-reader.ts';

/** A folder of journals, and processes that come and go; a killed one is one whose files say that it is dead. */
export class JournalBench implements AsyncDisposable {
  readonly #scratch = scratchFolder({ fast: true });
  readonly #opened: Harness[] = [];
  #lives = 0;
  /** The wall clock of them all; it stands still unless a test moves it. */
  readonly clock = { nowMs: T0 };
  folder = join(this.#scratch.path, 'life-0');

  /** A piped starts. */
  open({ graceMs, ...options }: Partial<DeploymentTracingOptions> & { readonly graceMs?: number } = {}): Harness {
    const journal = { folder: this.folder, ...(graceMs !== undefined && { graceMs }) };
    const opened = harness({ journal, now: () => this.clock.nowMs, ...options });
    this.#opened.push(opened);
    return opened;
  }

  /** All that ran until now is dead: from now on there is the folder as they left it. */
  kill(): void {
    const next = join(this.#scratch.path, `life-${++this.#lives}`);
    copyAsOfDeadProcesses(this.folder, next);
    this.folder = next;
  }

  /** Killed, and another one starts. */
  restart(options: Parameters<JournalBench['open']>[0] = {}): Harness {
    this.kill();
    return this.open(options);
  }

  files(): string[] {
    return readdirSync(this.folder).filter(file => file !== 'owners');
  }

  contents(): JournalContent[] {
    return this.files().flatMap(file => readJournal(join(this.folder, file)) ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { tracing } of this.#opened) await tracing.shutdown();
    this.#scratch[Symbol.dispose]();
  }
}

export function copyAsOfDeadProcesses(from: string, to: string): void {
  cpSync(from, to, { recursive: true });
  for (const owner of ownersIn(to)) pronounceDead(to, owner);
}

export function ownersIn(folder: string): string[] {
  const owners = join(folder, 'owners');
  return existsSync(owners) ? readdirSync(owners) : [];
}

/** It was a process that started at another time. */
export function pronounceDead(folder: string, owner: string): void {
  const path = join(folder, 'owners', owner);
  const text = readFileSync(path, 'utf8');
  if (text !== '') writeFileSync(path, JSON.stringify({ ...JSON.parse(text), startTicks: '1' }));
}

/** What is wrong with the spans that an exporter got of some deployments, all processes together. */
export function flawsOf(spans: readonly ExportedSpan[]): string[] {
  const byId = new Map<string, ExportedSpan>();
  const flaws: string[] = [];
  for (const span of spans) {
    const known = byId.get(span.traceId + span.spanId);
    if (known && JSON.stringify(known) !== JSON.stringify(span)) {
      flaws.push(`twice, and not the same: ${JSON.stringify(known)} and ${JSON.stringify(span)}`);
    }
    byId.set(span.traceId + span.spanId, span);
  }
  for (const span of byId.values()) {
    if (span.parentId !== undefined && !byId.has(span.traceId + span.parentId)) {
      flaws.push(`no parent of ${JSON.stringify(span)}`);
    }
  }
  const all = [...byId.values()];
  for (const traceId of new Set(all.map(span => span.traceId))) {
    const roots = all.filter(span => span.traceId === traceId && span.parentId === undefined);
    if (roots.length !== 1) flaws.push(`${roots.length} roots in ${traceId}`);
  }
  return flaws;
}

/** All of a span but its resource. */
export interface ExportedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly name: string;
  readonly content: unknown;
}

export function exported(span: ReadableSpan): ExportedSpan {
  const { kind, startTime, endTime, attributes, status, events, links, instrumentationScope } = span;
  return {
    traceId: span.spanContext().traceId,
    spanId: span.spanContext().spanId,
    parentId: span.parentSpanContext?.spanId,
    name: span.name,
    content: { kind, startTime, endTime, attributes: sorted(attributes), status, events, links, instrumentationScope },
  };
}

function sorted(values: object): object {
  return Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));
}
