import type { Context } from '@opentelemetry/api';
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { log } from './log.ts';

/**
 * The SDK calls processors on the stack of whoever starts or ends a span, which is a stage here. One that throws must
 * not turn a good stage into a failed one.
 */
export function guarded(processor: SpanProcessor): SpanProcessor {
  return {
    onStart: (span: Span, context: Context) => attempt('onStart', () => processor.onStart(span, context)),
    onEnding: (span: Span) => attempt('onEnding', () => processor.onEnding?.(span)),
    onEnd: (span: ReadableSpan) => attempt('onEnd', () => processor.onEnd(span)),
    forceFlush: () => processor.forceFlush(),
    shutdown: () => processor.shutdown(),
  };
}

function attempt(what: string, call: () => void): void {
  try {
    call();
  } catch (error) {
    log.error(`a span processor threw in ${what}: ${String(error)}`);
  }
}
