import { type Attributes, isSpanContextValid, type Span, SpanKind, TraceFlags, trace } from '@opentelemetry/api';
import type { ApprovalDetails, Deployment, DeploymentInfo } from './api.ts';
import { approvalAttributes, pipelineName, rootAttributes } from './attributes.ts';
import { endingOf } from './endings.ts';
import { rootSpanIdOf, traceIdOf } from './ids.ts';
import { asRootOf } from './journal/journal.ts';
import type { Kit } from './kit.ts';
import { log } from './log.ts';
import { SPAN_DEPLOY } from './names.ts';
import { checkedOutcome, type Outcome } from './outcome.ts';
import { endSpan } from './span-end.ts';
import { SpansBelowRoot } from './spans-below-root.ts';
import { type Part, Stages, type Verdict } from './stages.ts';
import { withOnlyTags } from './tags.ts';
import { type Thrown, thrown } from './text.ts';
import { approvalEvent, type WorkEnd, withoutWork } from './work.ts';

/** A root span that another process began, and how the parts of the deployment ended that it saw. */
export interface RestoredRoot {
  readonly span: Span;
  readonly parts: readonly (readonly [Part, WorkEnd])[];
  readonly startedMs: number | undefined;
}

/** A deployment whose root span is made, and ended, here. */
export class HeldDeployment extends SpansBelowRoot implements Deployment {
  readonly span: Span;
  readonly #startedMs: number;
  #onClose: ((id: string) => void) | undefined;

  constructor(kit: Kit, info: DeploymentInfo, onClose: (id: string) => void, restored?: RestoredRoot) {
    const root = restored?.span ?? startRoot(kit, info);
    const stages = new Stages((part, end) => kit.journal?.partEnded(root, traceIdOf(info.id), part, end));
    super(kit, info, isSpanContextValid(root.spanContext()) ? root : unrecordedRoot(info), stages);
    this.span = root;
    this.#startedMs = restored?.startedMs ?? info.startedAt?.getTime() ?? kit.nowMs();
    this.#onClose = onClose;
    for (const [part, end] of restored?.parts ?? []) stages.restore(part, end);
  }

  async run<T>(fn: (deployment: Deployment) => T | Promise<T>): Promise<T> {
    let value: T;
    try {
      value = await this.kit.active.run(this.context(), () => fn(this));
    } catch (error) {
      if (this.#onClose) this.#endAs(error);
      throw error;
    }
    if (this.#onClose) this.end();
    return value;
  }

  event(name: string, attributes: Attributes = {}): void {
    this.span.addEvent(name, attributes, this.kit.time());
    this.kit.journal?.changed(this.span);
  }

  approval(what: 'requested' | 'granted' | 'denied', details: ApprovalDetails = {}): void {
    this.event(approvalEvent(what), approvalAttributes(details));
  }

  end(outcome?: Outcome, reason?: string): void {
    if (outcome === undefined) this.#end(this.stages.verdict());
    else this.#end({ ending: { kind: 'ended', outcome: checkedOutcome(outcome), reason } });
  }

  suspend(reason = 'the piped lets go of the deployment'): void {
    if (!this.#close()) return;
    for (const work of [...this.open].reverse()) work.interrupt(reason);
    this.kit.journal?.setAside(this.span, reason);
  }

  #endAs(error: unknown): void {
    const ofStage = this.stages.endingBy(error);
    const ending = ofStage ?? endingOf(error);
    if (ending.kind === 'interrupted') this.suspend(ending.reason);
    else if (ofStage) this.#end(this.stages.verdict());
    else this.#end({ ending }, thrown(error));
  }

  #end({ ending, errorType }: Verdict, exception?: Thrown): void {
    if (!this.#close()) {
      log.warn(`deployment ${this.id} has ended before; this end is ignored`);
      return;
    }
    if (this.open.size > 0) log.warn(`deployment ${this.id} ends while ${this.open.size} spans of it are open`);
    endSpan(this.span, { ending, of: 'deployment', at: this.kit.time(), errorType, exception });
    const { application } = this.info;
    this.kit.durations.deployment(this.kit.nowMs() - this.#startedMs, {
      pipeline: pipelineName(application),
      applicationKind: application.kind,
      outcome: ending.outcome,
    });
  }

  #close(): boolean {
    const onClose = this.#onClose;
    this.#onClose = undefined;
    onClose?.(this.id);
    return onClose !== undefined;
  }
}

/** A server span, as the conventions want it for a run of a pipeline: something outside asked for it. */
function startRoot(kit: Kit, info: DeploymentInfo): Span {
  const startTime = info.startedAt ?? kit.time();
  return kit.ids.rootOf(info.id, () =>
    kit.tracer.startSpan(
      SPAN_DEPLOY,
      {
        root: true,
        kind: SpanKind.SERVER,
        attributes: rootAttributes(info),
        ...(info.links && { links: [...info.links] }),
        ...(startTime && { startTime }),
      },
      asRootOf(withOnlyTags(withoutWork(kit.active.current()), {}), info),
    ),
  );
}

/** Started under suppressed tracing, a root has no ids; what hangs below it must still not wander into other traces. */
function unrecordedRoot({ id }: DeploymentInfo): Span {
  return trace.wrapSpanContext({ traceId: traceIdOf(id), spanId: rootSpanIdOf(id), traceFlags: TraceFlags.NONE });
}
