import type { Span } from '../generated/otlp_pb.ts';
import type { StoredSpan, StoredTrace } from '../receiver/trace-store.ts';
import { type Paint, plain } from './colour.ts';
import { clip, pad, printable } from './table.ts';

export interface WaterfallOptions {
  /** Columns to fill. Default 100, at least 60. */
  readonly width?: number;
  readonly paint?: Paint;
}

interface Row {
  readonly span: Span;
  readonly depth: number;
}

const SIGN_AND_GAPS = 7;
const OK = 1;
const ERROR = 2;

/**
 * A trace as lines for a terminal: who is whose child, when each span ran, how long, and how it ended.
 * Spans whose parent is not here (another process sends it, or it is yet to come) stand as roots.
 */
export function waterfall(
  trace: Pick<StoredTrace, 'spans'>,
  { width = 100, paint = plain }: WaterfallOptions = {},
): string {
  const rows = inOrder(trace.spans);
  if (rows.length === 0) return '(no spans)\n';
  const start = ascending(rows.map(({ span }) => span.startTimeUnixNano)).at(0) ?? 0n;
  const total = (ascending(rows.map(({ span }) => span.endTimeUnixNano)).at(-1) ?? 0n) - start;
  const columns = Math.max(60, width);
  const names = rows.map(({ span, depth }) => `${'  '.repeat(depth)}${printable(span.name) || '(no name)'}`);
  const nameWidth = Math.min(Math.max(...names.map(name => [...name].length)), Math.floor(columns * 0.4));
  const durations = rows.map(({ span }) => duration(span.endTimeUnixNano - span.startTimeUnixNano));
  const durationWidth = Math.max(...durations.map(text => text.length));
  const barWidth = columns - nameWidth - durationWidth - SIGN_AND_GAPS;
  return rows
    .map(({ span }, index) => {
      const { sign, style } = ending(span);
      const name = pad(clip(names[index] ?? '', nameWidth), nameWidth);
      const bar = paint(style, drawBar(span, start, total, barWidth));
      return `${name}  ${paint(style, sign)}  ${bar}  ${(durations[index] ?? '').padStart(durationWidth)}\n`;
    })
    .join('');
}

/** Nanoseconds for people: three digits, and the unit that fits. */
export function duration(nanoseconds: bigint): string {
  const ms = Number(nanoseconds) / 1e6;
  if (ms < 1) return `${Math.max(0, Math.round(ms * 1000))} µs`;
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  if (ms < 100) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(2)} s`;
}

function drawBar(span: Span, start: bigint, total: bigint, width: number): string {
  if (total <= 0n) return '█'.repeat(width);
  const scale = (at: bigint) => Math.round((Number(at - start) / Number(total)) * width);
  const from = Math.min(scale(span.startTimeUnixNano), width - 1);
  const to = Math.min(Math.max(scale(span.endTimeUnixNano), from + 1), width);
  return `${'·'.repeat(from)}${'█'.repeat(to - from)}${'·'.repeat(width - to)}`;
}

function ending(span: Span): { sign: string; style: Parameters<Paint>[0] } {
  switch (span.status?.code) {
    case OK:
      return { sign: '✓', style: 'green' };
    case ERROR:
      return { sign: '✗', style: 'red' };
    default:
      return { sign: '-', style: 'cyan' };
  }
}

function inOrder(spans: readonly StoredSpan[]): Row[] {
  const known = new Set(spans.map(({ span }) => hex(span.spanId)));
  const children = new Map<string, Span[]>();
  for (const { span } of spans) {
    const parent = hex(span.parentSpanId);
    const under = known.has(parent) && parent !== hex(span.spanId) ? parent : '';
    const siblings = children.get(under);
    if (siblings) siblings.push(span);
    else children.set(under, [span]);
  }
  const rows: Row[] = [];
  // Roots first; what a ring of parents hides from them is left over, and comes after.
  for (let parent: string | undefined = ''; parent !== undefined; [parent] = children.keys()) {
    walk(parent, children, rows);
  }
  return rows;
}

/** Each parent is walked once, so that two spans with one id, or a ring of parents, come to an end. */
function walk(parent: string, children: Map<string, Span[]>, rows: Row[]): void {
  const open: Row[] = [];
  const openChildren = (of: string, depth: number) => {
    const own = children.get(of) ?? [];
    children.delete(of);
    open.push(...own.map(span => ({ span, depth })).reverse());
  };
  openChildren(parent, 0);
  for (let next = open.pop(); next; next = open.pop()) {
    rows.push(next);
    openChildren(hex(next.span.spanId), next.depth + 1);
  }
}

function hex(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}

function ascending(values: readonly bigint[]): bigint[] {
  return [...values].sort((a, b) => (a < b ? -1 : Number(a > b)));
}
