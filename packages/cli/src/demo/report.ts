import { status } from '@grpc/grpc-js';
import type { Paint } from '../output/colour.ts';
import { table } from '../output/table.ts';
import { waterfall } from '../output/waterfall.ts';
import { attributeText, type StoredTrace } from '../receiver/trace-store.ts';

export interface AttackReport {
  readonly name: string;
  /** gRPC status codes. */
  readonly expected: number;
  readonly seen: number;
  /** The server's reason code. */
  readonly reason: string | undefined;
  /** For the revoked key: milliseconds from the answer to the revocation until the first refusal. */
  readonly refusedAfterMs?: number;
  readonly problem: string | undefined;
}

export interface DemoReport {
  readonly traceId: string;
  readonly firstAcceptedMs: number;
  readonly trace: StoredTrace | undefined;
  readonly identity: Readonly<Record<string, string>>;
  readonly attacks: readonly AttackReport[];
  /** What did not go as it should, in words; empty when all did. */
  readonly problems: readonly string[];
}

const STAMPED = ['project-id', 'piped-id', 'service.namespace', 'service.instance.id'];

/** What all spans of the trace say of who sent them; several values are joined, so that they match no one. */
export function identityOn(trace: StoredTrace | undefined): Record<string, string> {
  const resources = (trace?.spans ?? []).map(({ resource }) => resource?.attributes);
  return Object.fromEntries(
    STAMPED.map(key => [
      key,
      [...new Set(resources.map(attributes => attributeText(attributes, key) ?? ''))].join(' | '),
    ]),
  );
}

/** The report for people. */
export function renderReport(report: DemoReport, paint: Paint, width: number | undefined): string {
  const { trace, traceId, identity, attacks, problems, firstAcceptedMs } = report;
  const rows = attacks.map(({ name, expected, seen, reason, refusedAfterMs, problem }) => [
    problem === undefined ? '✓' : '✗',
    name,
    codeName(expected),
    codeName(seen),
    `${reason ?? ''}${refusedAfterMs === undefined ? '' : `, after ${Math.round(refusedAfterMs)} ms`}`,
  ]);
  const signed = table(['', 'attack', 'expected', 'seen', 'reason'], rows).replace(/^[✓✗]/gmu, sign =>
    paint(sign === '✓' ? 'green' : 'red', sign),
  );
  return [
    `\nTrace ${traceId}, the first one accepted, ${(firstAcceptedMs / 1000).toFixed(1)} s after the start:\n`,
    trace
      ? waterfall(trace, { paint, ...(width !== undefined && { width: Math.min(width, 120) }) })
      : '(it did not arrive)\n',
    `\nStamped on it by the gateway, whatever the sender claims:\n`,
    ...Object.entries(identity).map(([key, value]) => `  ${key}=${value}\n`),
    `\nFour attacks on the same gateway, and their answers:\n`,
    signed,
    '\n',
    problems.length === 0
      ? `${paint('green', 'All went as it should.')}\n`
      : problems.map(problem => `${paint('red', 'Wrong:')} ${problem}\n`).join(''),
  ].join('');
}

/** The report for programs. */
export function reportAsJson({ trace, attacks, ...report }: DemoReport) {
  return {
    ok: report.problems.length === 0,
    ...report,
    firstAcceptedMs: Math.round(report.firstAcceptedMs),
    spans: (trace?.spans ?? []).map(({ span }) => ({
      name: span.name,
      durationMs: Number(span.endTimeUnixNano - span.startTimeUnixNano) / 1e6,
      status: ['unset', 'ok', 'error'][span.status?.code ?? 0],
    })),
    attacks: attacks.map(({ expected, seen, refusedAfterMs, problem, ...attack }) => ({
      ...attack,
      expected: codeName(expected),
      seen: codeName(seen),
      ...(refusedAfterMs !== undefined && { refusedAfterMs: Math.round(refusedAfterMs) }),
      ok: problem === undefined,
    })),
  };
}

function codeName(code: number): string {
  return `${status[code] ?? 'unknown'} (${code})`;
}
