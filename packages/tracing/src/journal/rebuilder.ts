import {
  type Context,
  createContextKey,
  createTraceState,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  type TimeInput,
  TraceFlags,
  type TraceState,
  trace,
} from '@opentelemetry/api';
import { hrTimeToMilliseconds, timeInputToHrTime } from '@opentelemetry/core';
import { BasicTracerProvider, type Sampler, SamplingDecision, type TracerConfig } from '@opentelemetry/sdk-trace-base';
import type { DeploymentIdGenerator } from '../id-generator.ts';
import { EVENT, OWN, RESOURCE } from '../names.ts';
import { message } from '../text.ts';
import { notJournaled } from './journal.ts';
import type { Left, SpanRecord } from './span-record.ts';

const TRACE_STATE = createContextKey('spanpass recovered trace state');

/** That it was sampled was decided when it started; its children may be out already. */
const AS_RECORDED: Sampler = {
  shouldSample: context => {
    const traceState = context.getValue(TRACE_STATE) as TraceState | undefined;
    return { decision: SamplingDecision.RECORD_AND_SAMPLED, ...(traceState && { traceState }) };
  },
  toString: () => 'AsRecorded',
};

/** Makes spans again that another process had open, under the ids that they had. */
export class Rebuilder {
  readonly #provider: BasicTracerProvider;
  readonly #ids: DeploymentIdGenerator;
  readonly #version: string;

  constructor(config: TracerConfig, ids: DeploymentIdGenerator, version: string) {
    this.#provider = new BasicTracerProvider({ ...config, sampler: AS_RECORDED, idGenerator: ids });
    this.#ids = ids;
    this.#version = version;
  }

  /** With its events up to now; it has not ended. */
  started(record: SpanRecord, context: Context = ROOT_CONTEXT): Span {
    const { traceId, spanId, traceState, parent, scope, name, spanKind, startTime, attributes, links, events } = record;
    const tracer = this.#provider.getTracer(
      scope.name,
      scope.version,
      scope.schemaUrl === undefined ? {} : { schemaUrl: scope.schemaUrl },
    );
    const options = { kind: spanKind, startTime, attributes, links: [...links], root: !parent };
    const parentContext = parent && { traceId, ...parent, traceFlags: TraceFlags.SAMPLED };
    const below = parentContext ? trace.setSpanContext(context, parentContext) : context;
    const inState = traceState === undefined ? below : below.setValue(TRACE_STATE, createTraceState(traceState));
    const span = this.#ids.as({ traceId, spanId }, () => tracer.startSpan(name, options, inState));
    for (const event of events) span.addEvent(event.name, event.attributes, event.time);
    return span;
  }

  /** A span that ended is exported just as it was; one that had not ends as interrupted when it was left. */
  close(record: SpanRecord, left: Left): void {
    const span = this.started(record, notJournaled(ROOT_CONTEXT));
    if (record.end) {
      const { time, status } = record.end;
      if (status.code !== SpanStatusCode.UNSET) span.setStatus(status);
      span.end(time);
    } else {
      this.addInterruption(span, record, left);
      span.end(endOf(record, left.atMs));
    }
  }

  addInterruption(span: Span, record: SpanRecord, { reason, version, atMs }: Left): void {
    const ofOther = version === this.#version ? {} : { [RESOURCE.serviceVersion]: version };
    span.addEvent(EVENT.interrupted, { [OWN.reason]: message(reason), ...ofOther }, endOf(record, atMs));
  }
}

/** Clocks are set back: nothing ends before it began, or before what happened in it. */
export function endOf(record: SpanRecord, atMs: number): TimeInput {
  const known = [record.startTime, ...record.events.map(event => event.time)];
  const last = known.reduce((a, b) => (hrTimeToMilliseconds(b) > hrTimeToMilliseconds(a) ? b : a));
  return hrTimeToMilliseconds(last) > atMs ? last : new Date(atMs);
}

export function startMsOf(record: SpanRecord): number {
  return hrTimeToMilliseconds(record.startTime);
}

export function endMsOf(record: SpanRecord, atMs: number): number {
  return hrTimeToMilliseconds(timeInputToHrTime(endOf(record, atMs)));
}
