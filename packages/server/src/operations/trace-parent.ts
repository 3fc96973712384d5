import { type Context, isSpanContextValid, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import type { Caller } from '../observer.ts';

/** W3C Trace Context section 3.2: version, trace id, parent id, flags; later versions may add members. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.{0,512})?$/;
const SAMPLED = 1;

/**
 * The context that a check's span belongs to: the caller's, if it sent one that is well formed. Its `tracestate` is left
 * out: it is of no use here, and a stranger's text in the place of the tracing system's own.
 */
export function parentOf(caller: Caller | undefined): Context {
  const [, version, traceId, spanId, flags, more] = TRACEPARENT.exec(caller?.traceHeader('traceparent') ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || version === 'ff') return ROOT_CONTEXT;
  if (version === '00' && more !== undefined) return ROOT_CONTEXT;
  const context = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags ?? '0', 16) & SAMPLED,
    isRemote: true,
  };
  return isSpanContextValid(context) ? trace.setSpanContext(ROOT_CONTEXT, context) : ROOT_CONTEXT;
}
