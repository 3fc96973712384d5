import type { JournalContent } from './journal-reader.ts';
import type { PartRecord } from './part-record.ts';
import type { Left, SpanRecord } from './span-record.ts';

export const PROCESS_ENDED = 'process ended';

/** A span that a dead process had open, or had ended without knowing that an exporter got it. */
export interface LeftSpan {
  readonly record: SpanRecord;
  readonly left: Left;
}

/** A root that is open, and what its process knew of the deployment. */
export interface LeftRoot extends LeftSpan {
  readonly parts: readonly PartRecord[];
  readonly openSpans: readonly SpanRecord[];
}

export interface Leftovers {
  readonly roots: readonly LeftRoot[];
  /** Innermost first, as far as one process had them open. */
  readonly others: readonly LeftSpan[];
}

/**
 * What several journals say together. The same span may stand in more than one of them, where a process was killed while
 * it took another's over: an end counts more than none, and later evidence more than earlier.
 */
export function leftoversOf(contents: readonly JournalContent[]): Leftovers {
  const best = new Map<string, { readonly span: LeftSpan; readonly content: JournalContent }>();
  for (const content of contents) {
    for (const record of content.spans) {
      const key = record.traceId + record.spanId;
      const span = { record, left: leftOf(record, content) };
      const known = best.get(key);
      if (!known || counts(span, known.span, known.content === content)) best.set(key, { span, content });
    }
  }
  const found = [...best.values()].reverse();
  const isOpenRoot = ({ record }: LeftSpan) => record.deployment !== undefined && !record.end;
  return {
    roots: found.filter(({ span }) => isOpenRoot(span)).map(({ span, content }) => rootOf(span, content)),
    others: found.map(({ span }) => span).filter(span => !isOpenRoot(span)),
  };
}

/** Within one journal, the later record replaces the earlier. */
function counts(span: LeftSpan, known: LeftSpan, isOfSameJournal: boolean): boolean {
  if (isOfSameJournal || (span.record.end && !known.record.end)) return true;
  return !known.record.end && span.left.atMs > known.left.atMs;
}

function leftOf(record: SpanRecord, { header, aliveAtMs }: JournalContent): Left {
  return record.left ?? { atMs: aliveAtMs, reason: PROCESS_ENDED, version: header.version };
}

function rootOf(span: LeftSpan, content: JournalContent): LeftRoot {
  const { traceId } = span.record;
  const last = new Map(content.spans.filter(other => other.traceId === traceId).map(other => [other.spanId, other]));
  last.delete(span.record.spanId);
  return {
    ...span,
    parts: content.parts.filter(part => part.traceId === traceId),
    openSpans: [...last.values()].filter(other => !other.end),
  };
}
