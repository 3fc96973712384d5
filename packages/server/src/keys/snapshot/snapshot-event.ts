import type { KeySnapshotError } from '@spanpass/credential';

/**
 * Why a snapshot was not taken: one of `KeySnapshotError`'s codes, or
 * - `missing`: there is none on disk; so it is at a first start
 * - `unreadable`, `too_large`: the file can't be read whole, in time
 * - `exposed`: others may write the file, or its floor
 * - `floor_missing`: nothing says which revision was seen last
 * - `reset`: the control plane said that anything may have changed
 * - `struck_too_often`: so much changed since that another one is needed
 * - `unwritable`: the disk takes no snapshot, or no note of what changed since
 * - `unreachable`, `refused`: the control plane gave none
 */
export type SnapshotProblem =
  | KeySnapshotError['code']
  | 'missing'
  | 'unreadable'
  | 'too_large'
  | 'exposed'
  | 'floor_missing'
  | 'reset'
  | 'struck_too_often'
  | 'unwritable'
  | 'unreachable'
  | 'refused';

/** What became of a snapshot. For the log: nothing that the control plane wrote is in it. */
export type SnapshotEvent =
  /** Read from disk and believed, or fetched and written there. */
  | { readonly kind: 'loaded' | 'kept'; readonly revision: number; readonly records: number }
  /** Not believed, not written, or given up. `detail` is an errno or an HTTP status. */
  | {
      readonly kind: 'not-loaded' | 'not-kept' | 'dropped';
      readonly reason: SnapshotProblem;
      readonly detail?: string;
    };

/** Internal: carries the reason to the one place that tells it. */
export class SnapshotRefusal extends Error {
  override readonly name = 'SnapshotRefusal';
  readonly reason: SnapshotProblem;
  readonly detail: string | undefined;

  constructor(reason: SnapshotProblem, options: ErrorOptions & { readonly detail?: string } = {}) {
    super(reason, options);
    this.reason = reason;
    const code: unknown = (options.cause as NodeJS.ErrnoException | undefined)?.code;
    this.detail = options.detail ?? (typeof code === 'string' && /^E[A-Z]{1,20}$/.test(code) ? code : undefined);
  }
}
