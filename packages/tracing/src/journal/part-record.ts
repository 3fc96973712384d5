import { type Ending, OUTCOMES, type Outcome } from '../outcome.ts';
import type { Part } from '../stages.ts';
import { message, thrown } from '../text.ts';
import type { WorkEnd } from '../work.ts';
import { isObject } from './span-record.ts';

/** How a plan or a stage ended of a deployment that is still open: its verdict must not forget that over a restart. */
export interface PartRecord {
  readonly kind: 'part';
  readonly traceId: string;
  readonly part: Part;
  readonly ending: Ending;
  readonly errorType?: string;
}

export function partRecordOf(traceId: string, part: Part, { ending, failure }: WorkEnd): PartRecord {
  const said = ending.reason === undefined ? ending : { ...ending, reason: message(ending.reason) };
  return { kind: 'part', traceId, part, ending: said, ...(failure && { errorType: thrown(failure.error).name }) };
}

/** As the stages of a deployment keep it; of the error, its class alone is left. */
export function workEndOf({ ending, errorType }: PartRecord): WorkEnd {
  return { ending, ...(errorType !== undefined && { failure: { error: { name: errorType, message: '' } } }) };
}

export function partRecordFrom(value: Record<string, unknown>): PartRecord | undefined {
  const { traceId, part, errorType } = value;
  const ending = endingFrom(value.ending);
  if (typeof traceId !== 'string' || !isObject(part) || !ending) return undefined;
  if (typeof part.id !== 'string' || typeof part.label !== 'string') return undefined;
  return {
    kind: 'part',
    traceId,
    part: { id: part.id, label: part.label, rollback: part.rollback === true },
    ending,
    ...(typeof errorType === 'string' && { errorType }),
  };
}

function endingFrom(value: unknown): Ending | undefined {
  if (!isObject(value)) return undefined;
  const { kind, outcome } = value;
  const reason = typeof value.reason === 'string' ? value.reason : undefined;
  if (kind === 'interrupted' && reason !== undefined) return { kind, reason };
  if (kind !== 'ended' || typeof outcome !== 'string' || !Object.hasOwn(OUTCOMES, outcome)) return undefined;
  return { kind, outcome: outcome as Outcome, reason };
}
