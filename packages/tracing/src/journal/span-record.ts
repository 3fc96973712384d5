import {
  type Attributes,
  type HrTime,
  type Link,
  type SpanContext,
  type SpanKind,
  type SpanStatus,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { DeploymentInfo } from '../api.ts';

/** Of a deployment's root: enough to take it up again. Attributes and links are those of the span. */
export type DeploymentDescription = Pick<DeploymentInfo, 'id' | 'application' | 'pageUrl' | 'environment' | 'labels'>;

/** How a deployment was left that nobody holds. */
export interface Left {
  readonly atMs: number;
  readonly reason: string;
  /** The version of the piped that held it. */
  readonly version: string;
}

export interface EventRecord {
  readonly name: string;
  readonly time: HrTime;
  readonly attributes: Attributes;
}

/** A span as it is kept on disk: all that an exporter would have got, save its resource. */
export interface SpanRecord {
  readonly kind: 'span';
  readonly traceId: string;
  readonly spanId: string;
  readonly traceState?: string;
  readonly parent?: { readonly spanId: string; readonly isRemote: boolean };
  readonly name: string;
  readonly spanKind: SpanKind;
  readonly scope: { readonly name: string; readonly version?: string; readonly schemaUrl?: string };
  readonly startTime: HrTime;
  readonly attributes: Attributes;
  readonly events: readonly EventRecord[];
  readonly links: readonly Link[];
  /** It has ended; whether an exporter has got it is not known. */
  readonly end?: { readonly time: HrTime; readonly status: SpanStatus };
  readonly deployment?: DeploymentDescription;
  readonly left?: Left;
}

/** Longer texts are cut where a span would not fit into a record. */
const MAX_CUT_CHARS = 256;

export function recordOf(span: ReadableSpan, deployment?: DeploymentDescription): SpanRecord {
  const { traceId, spanId, traceState } = span.spanContext();
  const parent = span.parentSpanContext;
  const { name, version, schemaUrl } = span.instrumentationScope;
  const state = traceState?.serialize();
  return {
    kind: 'span',
    traceId,
    spanId,
    ...(state && { traceState: state }),
    ...(parent && { parent: { spanId: parent.spanId, isRemote: parent.isRemote ?? false } }),
    name: span.name,
    spanKind: span.kind,
    scope: { name, ...(version !== undefined && { version }), ...(schemaUrl !== undefined && { schemaUrl }) },
    startTime: span.startTime,
    attributes: span.attributes,
    events: span.events.map(event => ({ name: event.name, time: event.time, attributes: event.attributes ?? {} })),
    links: span.links.map(({ context, attributes }) => ({
      context: plain(context),
      ...(attributes && { attributes }),
    })),
    ...(span.ended && { end: { time: span.endTime, status: span.status } }),
    ...(deployment && { deployment }),
  };
}

/** What is left of a span that is too large to be kept whole: enough to hold the tree together. */
export function reduced(record: SpanRecord): SpanRecord {
  const cut = Object.entries(record.attributes).map(([key, value]) => [
    key,
    typeof value === 'string' ? value.slice(0, MAX_CUT_CHARS) : Array.isArray(value) ? [] : value,
  ]);
  const { deployment, ...rest } = record;
  const { id, application } = deployment ?? {};
  return {
    ...rest,
    attributes: Object.fromEntries(cut),
    events: [],
    links: [],
    ...(id !== undefined && application && { deployment: { id, application } }),
  };
}

export function spanRecordFrom(value: Record<string, unknown>): SpanRecord | undefined {
  const { traceId, spanId, traceState, parent, name, spanKind, scope, startTime, attributes, events, links } = value;
  const isWhole =
    isHex(traceId, 32) &&
    isHex(spanId, 16) &&
    typeof name === 'string' &&
    typeof spanKind === 'number' &&
    isObject(scope) &&
    typeof scope.name === 'string' &&
    isTime(startTime) &&
    isObject(attributes) &&
    Array.isArray(events) &&
    Array.isArray(links) &&
    (parent === undefined || (isObject(parent) && isHex(parent.spanId, 16)));
  if (!isWhole) return undefined;
  const end = endFrom(value.end);
  const left = leftFrom(value.left);
  const deployment = deploymentFrom(value.deployment);
  if ((value.end !== undefined && !end) || (value.left !== undefined && !left)) return undefined;
  return {
    kind: 'span',
    traceId,
    spanId,
    ...(typeof traceState === 'string' && { traceState }),
    ...(isObject(parent) && { parent: { spanId: String(parent.spanId), isRemote: parent.isRemote === true } }),
    name,
    spanKind,
    scope: {
      name: String(scope.name),
      ...(typeof scope.version === 'string' && { version: scope.version }),
      ...(typeof scope.schemaUrl === 'string' && { schemaUrl: scope.schemaUrl }),
    },
    startTime,
    attributes: attributesFrom(attributes),
    events: events.flatMap(eventFrom),
    links: links.flatMap(linkFrom),
    ...(end && { end }),
    ...(deployment && { deployment }),
    ...(left && { left }),
  };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function plain({ traceId, spanId, traceFlags, isRemote }: SpanContext): SpanContext {
  return { traceId, spanId, traceFlags, ...(isRemote !== undefined && { isRemote }) };
}

function isHex(value: unknown, digits: number): value is string {
  return typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value);
}

function isTime(value: unknown): value is HrTime {
  return Array.isArray(value) && value.length === 2 && value.every(Number.isFinite);
}

/** JSON has no NaN: it comes back as null, which no attribute is. */
function attributesFrom(value: Record<string, unknown>): Attributes {
  return Object.fromEntries(Object.entries(value).filter(([, given]) => given !== null)) as Attributes;
}

function eventFrom(value: unknown): EventRecord[] {
  if (!isObject(value) || typeof value.name !== 'string' || !isTime(value.time)) return [];
  const attributes = isObject(value.attributes) ? attributesFrom(value.attributes) : {};
  return [{ name: value.name, time: value.time, attributes }];
}

function linkFrom(value: unknown): Link[] {
  if (!isObject(value) || !isObject(value.context)) return [];
  const { traceId, spanId, traceFlags, isRemote } = value.context;
  if (!isHex(traceId, 32) || !isHex(spanId, 16)) return [];
  const context = {
    traceId,
    spanId,
    traceFlags: traceFlags === TraceFlags.SAMPLED ? TraceFlags.SAMPLED : TraceFlags.NONE,
    ...(typeof isRemote === 'boolean' && { isRemote }),
  };
  return [{ context, ...(isObject(value.attributes) && { attributes: attributesFrom(value.attributes) }) }];
}

function endFrom(value: unknown): SpanRecord['end'] {
  if (!isObject(value) || !isTime(value.time) || !isObject(value.status)) return undefined;
  const { code, message } = value.status;
  if (code !== SpanStatusCode.UNSET && code !== SpanStatusCode.OK && code !== SpanStatusCode.ERROR) return undefined;
  return { time: value.time, status: { code, ...(typeof message === 'string' && { message }) } };
}

function leftFrom(value: unknown): Left | undefined {
  if (!isObject(value)) return undefined;
  const { atMs, reason, version } = value;
  const isWhole = typeof atMs === 'number' && typeof reason === 'string' && typeof version === 'string';
  return isWhole ? { atMs, reason, version } : undefined;
}

function deploymentFrom(value: unknown): DeploymentDescription | undefined {
  if (!isObject(value) || typeof value.id !== 'string' || !isObject(value.application)) return undefined;
  const { application, pageUrl, environment, labels } = value;
  if (typeof application.id !== 'string' || typeof application.kind !== 'string') return undefined;
  return {
    id: value.id,
    application: {
      id: application.id,
      kind: application.kind,
      ...(typeof application.name === 'string' && { name: application.name }),
    },
    ...(typeof pageUrl === 'string' && { pageUrl }),
    ...(typeof environment === 'string' && { environment }),
    ...(isObject(labels) && {
      labels: Object.fromEntries(Object.entries(labels).map(([key, label]) => [key, String(label)])),
    }),
  };
}
