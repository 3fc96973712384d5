import { ROOT_CONTEXT } from '@opentelemetry/api';
import type { Deployment, DeploymentInfo, InterruptedDeployment, StageInfo } from '../api.ts';
import { pipelineName, rootAttributes } from '../attributes.ts';
import type { RestoredRoot } from '../held-deployment.ts';
import type { Kit } from '../kit.ts';
import { log } from '../log.ts';
import { checkedOutcome, type Outcome } from '../outcome.ts';
import { endSpan } from '../span-end.ts';
import { asRootOf, type Journal, type Kept } from './journal.ts';
import type { LeftRoot } from './leftovers.ts';
import { endedPartsOf, openStagesOf } from './open-stages.ts';
import { endMsOf, endOf, type Rebuilder, startMsOf } from './rebuilder.ts';
import type { DeploymentDescription } from './span-record.ts';

export interface LeftDeploymentParts {
  readonly kit: Kit;
  readonly journal: Journal;
  readonly rebuilder: Rebuilder;
  readonly resume: (info: DeploymentInfo) => Deployment;
  readonly root: LeftRoot;
  readonly description: DeploymentDescription;
  /** Where this process keeps it; undefined where another one still does. */
  readonly kept?: Kept;
  readonly onSettled: () => void;
}

/** A deployment whose holder is gone, until somebody says what becomes of it. */
export class LeftDeployment implements InterruptedDeployment {
  readonly info: DeploymentInfo;
  readonly lastAliveAt: Date;
  readonly reason: string;
  readonly openStages: readonly StageInfo[];
  readonly #parts: LeftDeploymentParts;
  #isSettled = false;

  constructor(parts: LeftDeploymentParts) {
    const { root, description } = parts;
    this.#parts = parts;
    this.info = { ...description, startedAt: new Date(startMsOf(root.record)) };
    this.lastAliveAt = new Date(root.left.atMs);
    this.reason = root.left.reason;
    this.openStages = openStagesOf(root);
  }

  get id(): string {
    return this.info.id;
  }

  resume(): Deployment {
    return this.#parts.resume(this.info);
  }

  end(outcome: Outcome, reason?: string, endedAt?: Date): void {
    checkedOutcome(outcome);
    if (this.#isSettled) {
      log.warn(`deployment ${this.id} is no longer left; this end is ignored`);
      return;
    }
    const { root, kit } = this.#parts;
    const { span } = this.restore(this.info);
    const at = endedAt ?? endOf(root.record, root.left.atMs);
    endSpan(span, { ending: { kind: 'ended', outcome, reason }, of: 'deployment', at });
    const { application } = this.info;
    const of = { pipeline: pipelineName(application), applicationKind: application.kind, outcome };
    const endMs = endedAt?.getTime() ?? endMsOf(root.record, root.left.atMs);
    kit.durations.deployment(endMs - startMsOf(root.record), of);
  }

  /** Nobody wants it: its root ends when its process was last known to be alive. */
  interrupt(): void {
    const { root } = this.#parts;
    this.restore(this.info).span.end(endOf(root.record, root.left.atMs));
  }

  /** Its root as it was, to go on with. */
  restore(info: DeploymentInfo): RestoredRoot {
    const { journal, rebuilder, root, kept, onSettled } = this.#parts;
    this.#isSettled = true;
    const attributes = { ...root.record.attributes, ...rootAttributes(info) };
    const span = rebuilder.started({ ...root.record, attributes }, asRootOf(ROOT_CONTEXT, info));
    rebuilder.addInterruption(span, root.record, root.left);
    journal.changed(span);
    if (kept) journal.release(kept, span);
    onSettled();
    return { span, parts: endedPartsOf(root), startedMs: startMsOf(root.record) };
  }
}
