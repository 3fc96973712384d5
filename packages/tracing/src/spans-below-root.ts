import { type Attributes, type Context, createContextKey, type Span, trace } from '@opentelemetry/api';
import type { DeploymentInfo, JoinedDeployment, StageInfo, Work, WorkOptions } from './api.ts';
import { deploymentTags, pipelineName, planAttributes, stageAttributes, stageTags } from './attributes.ts';
import { checkStage, checkText } from './check.ts';
import { traceIdOf } from './ids.ts';
import type { Kit } from './kit.ts';
import { SPAN_PLAN } from './names.ts';
import type { Outcome } from './outcome.ts';
import { endSpan } from './span-end.ts';
import { PLAN, partOf, Stages } from './stages.ts';
import { tagsOf, withOnlyTags, withTags } from './tags.ts';
import { type OpenWork, runWork, type WorkEnd, withoutWork, workOf } from './work.ts';

const DEPLOYMENT = createContextKey('spanpass deployment');

/** Plan, stages and steps below a root span, whoever holds that. */
export class SpansBelowRoot implements JoinedDeployment {
  readonly id: string;
  readonly traceId: string;
  protected readonly kit: Kit;
  protected readonly info: DeploymentInfo;
  protected readonly stages: Stages;
  protected readonly open = new Set<OpenWork>();
  readonly #root: Span;

  constructor(kit: Kit, info: DeploymentInfo, root: Span, stages = new Stages()) {
    this.kit = kit;
    this.info = info;
    this.stages = stages;
    this.id = info.id;
    this.traceId = traceIdOf(info.id);
    this.#root = root;
  }

  async plan<T>(fn: (plan: Work) => T | Promise<T>, options: WorkOptions = {}): Promise<T> {
    const onEnd = (end: WorkEnd): void => this.stages.ended(PLAN, end);
    const spec = { name: SPAN_PLAN, of: 'task', attributes: planAttributes(), open: this.open, onEnd } as const;
    return runWork(this.kit, { ...spec, context: this.context() }, options, fn);
  }

  async stage<T>(stage: StageInfo, fn: (stage: Work) => T | Promise<T>, options: WorkOptions = {}): Promise<T> {
    checkStage(stage);
    const startedMs = this.kit.nowMs();
    const onEnd = (end: WorkEnd): void => {
      this.stages.ended(partOf(stage), end);
      if (end.ending.kind === 'ended') this.#recordDuration(stage, end.ending.outcome, this.kit.nowMs() - startedMs);
    };
    const spec = { name: stage.name, of: 'task', attributes: stageAttributes(stage), open: this.open, onEnd } as const;
    return runWork(this.kit, { ...spec, context: this.#stageContext(stage) }, options, fn);
  }

  skipStage(stage: StageInfo, reason?: string): void {
    this.#stageNotRun(stage, 'skipped', reason);
  }

  cancelStage(stage: StageInfo, reason?: string): void {
    this.#stageNotRun(stage, 'cancelled', reason);
  }

  async step<T>(
    name: string,
    fn: (step: Work) => T | Promise<T>,
    { attributes = {} }: { readonly attributes?: Attributes } = {},
  ): Promise<T> {
    checkText('step name', name);
    const active = this.kit.active.current();
    const context = active.getValue(DEPLOYMENT) === this.id ? active : this.context();
    const signal = workOf(context)?.signal;
    return runWork(this.kit, { name, of: 'step', attributes, context, open: this.open }, signal ? { signal } : {}, fn);
  }

  /**
   * The root as parent. Baggage and the like of the caller are kept, but nothing of another deployment or of the work
   * that the call may come from: stages are children of the root.
   */
  protected context(): Context {
    const base = withoutWork(withOnlyTags(this.kit.active.current(), deploymentTags(this.info)));
    return trace.setSpan(base, this.#root).setValue(DEPLOYMENT, this.id);
  }

  #stageContext(stage: StageInfo): Context {
    return withTags(this.context(), stageTags(stage));
  }

  #stageNotRun(stage: StageInfo, outcome: Outcome, reason?: string): void {
    checkStage(stage);
    const context = this.#stageContext(stage);
    const at = this.kit.time();
    const attributes = { ...tagsOf(context), ...stageAttributes(stage) };
    const span = this.kit.tracer.startSpan(stage.name, { attributes, ...(at && { startTime: at }) }, context);
    const ending = { kind: 'ended', outcome, reason } as const;
    endSpan(span, { ending, of: 'task', at });
    this.stages.ended(partOf(stage), { ending });
  }

  #recordDuration(stage: StageInfo, outcome: Outcome, ms: number): void {
    const { application } = this.info;
    const of = { pipeline: pipelineName(application), applicationKind: application.kind, outcome };
    this.kit.durations.stage(ms, { ...of, stageName: stage.name });
  }
}
