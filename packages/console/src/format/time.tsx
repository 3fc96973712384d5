import { Tooltip } from '@mantine/core';
import { useEffect, useState } from 'react';

const UNITS = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

/** From how many of a unit on it is spoken of: 80 days say more than 3 months. */
const FROM = { year: 2, month: 4, day: 2, hour: 1, minute: 1, second: 1 } as const;

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'long' });
const absolute = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** Seconds since 1970, with the page's clock. */
export function useNow(everyMs = 1000): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() / 1000), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

export function fromNow(at: number, now: number): string {
  const distance = at - now;
  if (Math.abs(distance) < 5) return 'now';
  const [unit, seconds] = UNITS.find(([unit, size]) => Math.abs(distance) >= size * FROM[unit]) ?? ['second', 1];
  return relative.format(Math.round(distance / seconds), unit);
}

export function exactTime(at: number): string {
  return absolute.format(at * 1000);
}

export function span(seconds: number): string {
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ['second', 1];
  const count = Math.round((seconds / size) * 10) / 10;
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

export function milliseconds(ms: number): string {
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** How long ago, or in how long; when exactly is said to whoever asks. */
export function When({ at }: { at: number }) {
  const now = useNow(5000);
  return (
    <Tooltip label={exactTime(at)}>
      <time dateTime={new Date(at * 1000).toISOString()} className="when">
        {fromNow(at, now)}
      </time>
    </Tooltip>
  );
}
