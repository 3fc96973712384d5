import type { ScaleFigures } from './run.ts';

/** What is aimed at on PostgreSQL, with a million pipeds. */
export const LOOKUPS_PER_SECOND = 3_000;

export interface ScaleTarget {
  readonly text: string;
  readonly figure: Exclude<keyof ScaleFigures, 'eventMicros'>;
  readonly bound: number;
  readonly kind: 'at most' | 'at least';
}

export const SCALE_TARGETS: readonly ScaleTarget[] = [
  { text: 'look-ups by kid per second', figure: 'lookupsPerSecond', bound: LOOKUPS_PER_SECOND, kind: 'at least' },
  { text: 'look-up at half of that, p99, ms', figure: 'lookupP99Ms', bound: 20, kind: 'at most' },
  { text: 'keys made per second', figure: 'keysPerSecond', bound: 300, kind: 'at least' },
  { text: 'a page of 100 pipeds, anywhere in the list, p99, ms', figure: 'page100P99Ms', bound: 50, kind: 'at most' },
  {
    text: 'a page of 1000 pipeds, the default and the most, anywhere in the list, p99, ms',
    figure: 'page1000P99Ms',
    bound: 50,
    kind: 'at most',
  },
  { text: 'a page of 100 with a filter or a search, p99, ms', figure: 'filteredP99Ms', bound: 50, kind: 'at most' },
  { text: 'a revocation at the last of all followers, ms', figure: 'revocationMaxMs', bound: 1_000, kind: 'at most' },
  { text: 'memory of the control plane, MiB', figure: 'memoryMib', bound: 300, kind: 'at most' },
];

export function reaches({ figure, bound, kind }: ScaleTarget, figures: ScaleFigures): boolean {
  return kind === 'at most' ? figures[figure] <= bound : figures[figure] >= bound;
}
