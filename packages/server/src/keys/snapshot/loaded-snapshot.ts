import type { KeyRecord } from '@spanpass/credential';

/** Records that may be believed as if the feed had been lost `ageMs` ago, at this revision. */
export interface LoadedSnapshot {
  readonly revision: number;
  readonly ageMs: number;
  readonly records: readonly KeyRecord[];
}
