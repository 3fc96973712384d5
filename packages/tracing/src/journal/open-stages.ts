import type { StageInfo } from '../api.ts';
import { CONVENTION, OWN, SPAN_PLAN } from '../names.ts';
import { type Part, PLAN, partOf } from '../stages.ts';
import type { WorkEnd } from '../work.ts';
import type { LeftRoot } from './leftovers.ts';
import { workEndOf } from './part-record.ts';
import type { SpanRecord } from './span-record.ts';

export function openStagesOf(root: LeftRoot): StageInfo[] {
  return childrenOf(root).flatMap(record => stageOf(record) ?? []);
}

/** What became of the plan and the stages, those that were open included. */
export function endedPartsOf(root: LeftRoot): (readonly [Part, WorkEnd])[] {
  const ended = root.parts.map(record => [record.part, workEndOf(record)] as const);
  const interrupted: WorkEnd = { ending: { kind: 'interrupted', reason: root.left.reason } };
  const open = childrenOf(root).flatMap(record => {
    const stage = stageOf(record);
    const part = stage ? partOf(stage) : isPlan(record) ? PLAN : undefined;
    return part ? [[part, interrupted] as const] : [];
  });
  return [...ended, ...open];
}

function childrenOf({ record, openSpans }: LeftRoot): SpanRecord[] {
  return openSpans.filter(span => span.parent?.spanId === record.spanId);
}

function stageOf({ name, attributes }: SpanRecord): StageInfo | undefined {
  const id = attributes[CONVENTION.taskRunId];
  if (typeof id !== 'string' || attributes[CONVENTION.taskName] === undefined) return undefined;
  return { id, name, ...(attributes[OWN.rollback] === true && { rollback: true }) };
}

function isPlan({ name, attributes }: SpanRecord): boolean {
  return name === SPAN_PLAN && attributes[CONVENTION.taskName] === SPAN_PLAN;
}
