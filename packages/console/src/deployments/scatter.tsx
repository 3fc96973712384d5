import { scaleLog, scaleTime } from 'd3-scale';
import type { Deployment } from '../api/types.ts';
import { exactTime, milliseconds } from '../format/time.tsx';

const [WIDTH, HEIGHT] = [960, 340];
const AREA = { left: 64, right: 16, top: 12, bottom: 32 };
const TICKS_MS = [1, 10, 100, 1000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000];

const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const minute = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

const second = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

function timeFormat(rangeMs: number): Intl.DateTimeFormat {
  if (rangeMs > 2 * 86_400_000) return day;
  return rangeMs > 600_000 ? minute : second;
}

/** Duration over time: each deployment is a link to its own page, and looks different when it failed. */
export function Scatter({ items }: { items: readonly Deployment[] }) {
  const times = items.map(({ startedAtMs }) => startedAtMs);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const pad = Math.max(2000, (last - first) * 0.04);
  const x = scaleTime([first - pad, last + pad], [AREA.left, WIDTH - AREA.right]);
  const durations = items.map(({ durationMs }) => Math.max(0.1, durationMs));
  const y = scaleLog([Math.min(...durations) / 1.6, Math.max(...durations) * 1.6], [HEIGHT - AREA.bottom, AREA.top]);
  const [low = 0, high = 0] = y.domain();
  return (
    // biome-ignore lint/a11y/useSemanticElements: the links in it are what a screen reader reads
    <svg
      className="chart"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="group"
      aria-label="Duration of deployments over time"
    >
      {ticksBetween(low, high).map(tick => (
        <g key={tick} aria-hidden>
          <line className="grid" x1={AREA.left} x2={WIDTH - AREA.right} y1={y(tick)} y2={y(tick)} />
          <text x={AREA.left - 8} y={y(tick) + 4} textAnchor="end">
            {milliseconds(tick)}
          </text>
        </g>
      ))}
      {x.ticks(6).map(tick => (
        <text key={tick.getTime()} x={x(tick)} y={HEIGHT - 10} textAnchor="middle" aria-hidden>
          {timeFormat(last - first).format(tick)}
        </text>
      ))}
      {items.map(item => (
        <Dot key={item.traceId} item={item} x={x(item.startedAtMs)} y={y(Math.max(0.1, item.durationMs))} />
      ))}
    </svg>
  );
}

function Dot({ item, x, y }: { item: Deployment; x: number; y: number }) {
  const { traceId, application, outcome, durationMs, startedAtMs, project, piped } = item;
  const says = `${application || item.name}, ${outcome}, ${milliseconds(durationMs)}, ${exactTime(startedAtMs / 1000)}, ${project}/${piped}`;
  return (
    <a href={`#/deployments/${traceId}`} aria-label={says}>
      <title>{says}</title>
      {outcome === 'failed' ? (
        <path className="dot failed" d={`M${x} ${y - 8}l8 8-8 8-8-8z`} />
      ) : (
        <circle className={`dot ${outcome}`} cx={x} cy={y} r={6} />
      )}
    </a>
  );
}

/** Round ones, and those between them where there are few. */
function ticksBetween(low: number, high: number): number[] {
  const round = TICKS_MS.filter(tick => tick >= low && tick <= high);
  if (round.length > 1) return round;
  return [low * 1.3, Math.sqrt(low * high), high / 1.3];
}
