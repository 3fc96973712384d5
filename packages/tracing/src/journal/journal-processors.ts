import type { Context } from '@opentelemetry/api';
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { guarded } from '../guarded-processor.ts';
import type { Journal } from './journal.ts';

/** Stand around those that export: what a span was is on disk before an exporter gets it, and until it has it. */
export function aroundExporters(journal: Journal, exporting: readonly SpanProcessor[]): SpanProcessor[] {
  const idle = { onEnd: () => {}, forceFlush: async () => {}, shutdown: async () => {} };
  const before = {
    ...idle,
    onStart: (span: Span, context: Context) => journal.opened(span, context),
    onEnd: (span: ReadableSpan) => journal.ended(span),
  };
  const after = { ...idle, onStart: () => {}, onEnd: (span: ReadableSpan) => journal.exported(span) };
  return [guarded(before), ...exporting, guarded(after)];
}
