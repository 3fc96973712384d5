import type { GroupResult, Results, RowResult } from './results.ts';
import type { Group } from './row.ts';

interface Column {
  readonly title: string;
  readonly figure: string;
}

const micros = (title: string, figure = 'cpuMicros'): Column => ({ title, figure });

/** What each group's table shows, and in which order. */
export const COLUMNS: Readonly<Record<Group, readonly Column[]>> = {
  gateway: [
    micros('Envoy, µs', 'gatewayMicros'),
    micros('server, µs', 'serverMicros'),
    micros('together, µs'),
    { title: 'checks/s', figure: 'perSecond' },
  ],
  server: [micros('CPU per check, µs'), { title: 'checks/s', figure: 'perSecond' }],
  wall: [micros('CPU per check, µs'), { title: 'checks/s', figure: 'perSecond' }],
  cold: [
    micros('CPU per check, µs'),
    { title: 'checks/s', figure: 'perSecond' },
    { title: 'p50, ms', figure: 'p50Ms' },
    { title: 'p99, ms', figure: 'p99Ms' },
  ],
  client: [micros('CPU per export, µs'), { title: 'exports/s', figure: 'perSecond' }],
  spans: [micros('CPU per span, µs'), { title: 'spans/s', figure: 'perSecond' }, { title: 'fsyncs', figure: 'fsyncs' }],
  imports: [
    { title: 'ms', figure: 'importMs' },
    { title: 'KiB of memory', figure: 'memoryKib' },
  ],
  workers: [
    { title: 'checks/s', figure: 'perSecond' },
    micros('server, µs'),
    micros('Envoy, µs', 'gatewayMicros'),
    { title: 'busiest worker, % of checks', figure: 'busiestPercent' },
    { title: 'workers that were asked', figure: 'workersInUse' },
    { title: 'connections of a worker, most', figure: 'mostConnections' },
    { title: 'and least', figure: 'leastConnections' },
  ],
  memory: [
    { title: 'bytes each, RSS', figure: 'bytesEach' },
    { title: 'record, bytes of heap', figure: 'recordBytes' },
    { title: 'decision, bytes of heap', figure: 'decisionBytes' },
    { title: 'RSS of it all, MiB', figure: 'rssMib' },
  ],
  storm: [
    { title: 'seconds', figure: 'seconds' },
    { title: 'refused', figure: 'refused' },
    { title: 'p50, ms', figure: 'p50Ms' },
    { title: 'p99, ms', figure: 'p99Ms' },
    { title: 'slowest, ms', figure: 'maxMs' },
    { title: 'questions to the control plane per key', figure: 'lookupsPerKey' },
    { title: 'p99 of cached checks meanwhile, ms', figure: 'cachedP99Ms' },
  ],
};

/** A Markdown table of one group: the median, and in parentheses the lowest and highest of the rounds. */
export function tableOf({ group, rows }: GroupResult): string {
  const columns = COLUMNS[group];
  const lines = rows.map(row => [
    row.failed === undefined ? row.label : `${row.label} (failed)`,
    ...columns.map(column => cell(row, column)),
  ]);
  return markdown(['', ...columns.map(({ title }) => title)], lines);
}

export function allTables(results: Results): string {
  return results.groups.map(group => `${group.group}\n${tableOf(group)}`).join('\n\n');
}

function cell({ figures }: RowResult, { figure }: Column): string {
  const found = figures[figure];
  if (found === undefined) return '–';
  const { median, min, max } = found;
  return min === max ? round(median) : `${round(median)} (${round(min)}–${round(max)})`;
}

/** Three digits are all that a measurement like this can tell. */
export function round(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  if (digits > 0) return value.toFixed(Math.min(digits, 2));
  return Number(value.toPrecision(3)).toLocaleString('en-US');
}

/** In columns of equal width, so that it can be read as text too. */
export function markdown(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) => Math.max(3, title.length, ...lines.map(line => line[at]?.length ?? 0)));
  const row = (cells: readonly string[]) =>
    `| ${cells.map((text, at) => (at === 0 ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0))).join(' | ')} |`;
  const rule = widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [row(head), `| ${rule.join(' | ')} |`, ...lines.map(row)].join('\n');
}
