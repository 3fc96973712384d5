import { type Attributes, type Context, createContextKey, type Span, trace } from '@opentelemetry/api';
import type { ApprovalDetails, Work, WorkOptions } from './api.ts';
import { approvalAttributes } from './attributes.ts';
import { checkText, checkWork } from './check.ts';
import { deadlineOf } from './deadline.ts';
import { endingOf } from './endings.ts';
import type { Kit } from './kit.ts';
import { EVENT } from './names.ts';
import { checkedOutcome, type Ending, isBad, type Outcome } from './outcome.ts';
import { endSpan } from './span-end.ts';
import { tagsOf } from './tags.ts';
import { thrown } from './text.ts';

const WORK = createContextKey('spanpass work');
const SUCCESS: Ending = { kind: 'ended', outcome: 'success' };

/** How a piece of work ended, and the error that it threw, if it did. */
export interface WorkEnd {
  readonly ending: Ending;
  readonly failure?: { readonly error: unknown } | undefined;
}

export interface WorkSpec {
  readonly name: string;
  readonly of: 'task' | 'step';
  readonly attributes: Attributes;
  /** The parent span, and the tags that all spans below it carry. */
  readonly context: Context;
  /** Where work of the deployment that is not through is kept. */
  readonly open: Set<OpenWork>;
  readonly onEnd?: (end: WorkEnd) => void;
}

/** Opens a span, runs `fn` in it, and ends it as `fn` ended. */
export async function runWork<T>(
  kit: Kit,
  spec: WorkSpec,
  options: WorkOptions,
  fn: (work: Work) => T | Promise<T>,
): Promise<T> {
  checkWork(options);
  const deadline = deadlineOf(options);
  const work = new OpenWork(kit, spec, deadline.signal);
  let value: T;
  try {
    value = await kit.active.run(work.context, () => fn(work));
  } catch (error) {
    work.failed(error);
    throw error;
  } finally {
    deadline.clear();
  }
  work.returned();
  return value;
}

export function withoutWork(context: Context): Context {
  return context.deleteValue(WORK);
}

export class OpenWork implements Work {
  readonly span: Span;
  readonly signal: AbortSignal;
  readonly context: Context;
  readonly #kit: Kit;
  readonly #spec: WorkSpec;
  readonly #parent: OpenWork | undefined;
  #settled: { readonly outcome: Outcome; readonly reason?: string | undefined } | undefined;

  constructor(kit: Kit, spec: WorkSpec, signal: AbortSignal) {
    const startTime = kit.time();
    this.#kit = kit;
    this.#spec = spec;
    this.#parent = workOf(spec.context);
    this.signal = signal;
    this.span = kit.tracer.startSpan(
      spec.name,
      { attributes: { ...tagsOf(spec.context), ...spec.attributes }, ...(startTime && { startTime }) },
      spec.context,
    );
    this.context = trace.setSpan(spec.context, this.span).setValue(WORK, this);
    spec.open.add(this);
  }

  async step<T>(
    name: string,
    fn: (step: Work) => T | Promise<T>,
    { attributes = {} }: { readonly attributes?: Attributes } = {},
  ): Promise<T> {
    checkText('step name', name);
    const active = this.#kit.active.current();
    const context = workOf(active)?.isWithin(this) ? active : this.context;
    const { open } = this.#spec;
    return runWork(this.#kit, { name, of: 'step', attributes, context, open }, { signal: this.signal }, fn);
  }

  event(name: string, attributes: Attributes = {}): void {
    this.span.addEvent(name, attributes, this.#kit.time());
    this.#kit.journal?.changed(this.span);
  }

  approval(what: 'requested' | 'granted' | 'denied', details: ApprovalDetails = {}): void {
    this.event(approvalEvent(what), approvalAttributes(details));
  }

  settle(outcome: Outcome, reason?: string): void {
    this.#settled = { outcome: checkedOutcome(outcome), reason };
  }

  returned(): void {
    this.#end({ ending: this.#settled ? { kind: 'ended', ...this.#settled } : SUCCESS });
  }

  failed(error: unknown): void {
    const settled = this.#settled;
    const ending: Ending =
      settled && isBad(settled.outcome) ? { kind: 'ended', ...settled } : endingOf(error, this.signal);
    this.#end({ ending, failure: { error } });
  }

  /** The process lets go of the work, which may go on, but can no longer be watched. */
  interrupt(reason: string): void {
    this.#end({ ending: { kind: 'interrupted', reason } });
  }

  isWithin(work: OpenWork): boolean {
    return this === work || (this.#parent?.isWithin(work) ?? false);
  }

  #end(end: WorkEnd): void {
    if (!this.#spec.open.delete(this)) return;
    endSpan(this.span, {
      ending: end.ending,
      of: this.#spec.of,
      at: this.#kit.time(),
      exception: end.failure && thrown(end.failure.error),
    });
    this.#spec.onEnd?.(end);
  }
}

export function approvalEvent(what: 'requested' | 'granted' | 'denied'): string {
  return { requested: EVENT.approvalRequested, granted: EVENT.approvalGranted, denied: EVENT.approvalDenied }[what];
}

export function workOf(context: Context): OpenWork | undefined {
  return context.getValue(WORK) as OpenWork | undefined;
}
