import { markdown, round } from '../table.ts';
import type { DatabaseName, ScaleFigures, ScaleResults } from './run.ts';
import { reaches, SCALE_TARGETS } from './targets.ts';

const TITLES: Readonly<Record<DatabaseName, string>> = { postgres: 'PostgreSQL', embedded: 'embedded (PGlite)' };

const MORE: readonly (readonly [string, keyof ScaleFigures])[] = [
  ['pipeds, with a key each', 'pipeds'],
  ['CPU of the control plane per look-up, µs', 'lookupMicros'],
  ['look-up at half of the aim, p50, ms', 'lookupP50Ms'],
  ['CPU of the control plane per key made, µs', 'keyMicros'],
  ['a key made, p99, ms', 'keyP99Ms'],
  ['a page of 100 pipeds, the slowest, ms', 'page100MaxMs'],
  ['a page of 1000 pipeds, the slowest of all, ms', 'page1000MaxMs'],
  ['a page with a filter, the slowest, ms', 'filteredMaxMs'],
  ['last uses of keys noted per second, one report after the other', 'usesPerSecond'],
  ['CPU of the control plane per use noted, µs', 'useMicros'],
  ['followers of the change feed', 'followers'],
  ['a revocation at half of them, ms', 'revocationP50Ms'],
  ['CPU of the control plane per event and follower, µs', 'eventMicros'],
  ['load average at the end', 'loadAtEnd'],
];

/** What was measured, beside what was aimed at, in Markdown. */
export function scaleTable({ databases }: ScaleResults): string {
  const found = (Object.keys(TITLES) as DatabaseName[]).flatMap(name => {
    const figures = databases[name];
    return figures ? [{ title: TITLES[name], figures }] : [];
  });
  const head = ['', 'aim', ...found.map(({ title }) => title)];
  const aims = SCALE_TARGETS.map(target => [
    target.text,
    `${target.kind} ${round(target.bound)}`,
    ...found.map(({ figures }) => `${round(figures[target.figure])}${reaches(target, figures) ? '' : ' (missed)'}`),
  ]);
  const more = MORE.flatMap(([text, figure]) => {
    const values = found.map(({ figures }) => figures[figure]);
    if (values.every(value => value === undefined)) return [];
    return [[text, '', ...values.map(value => (value === undefined ? '–' : round(value)))]];
  });
  return markdown(head, [...aims, ...more]);
}
