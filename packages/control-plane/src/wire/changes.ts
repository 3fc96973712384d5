import type { KeyRecord, Signal } from '@spanpass/credential';
import type { Status } from './keys.ts';

/** One entry of the change feed, as the data of an SSE `change` event holds it, without its revision. */
export type ChangeBody =
  | { readonly kind: 'key'; readonly record: KeyRecord }
  | {
      readonly kind: 'piped';
      readonly project: string;
      readonly piped: string;
      readonly pipedStatus: Status;
      /** Where they have changed. */
      readonly scopes?: readonly Signal[];
    }
  | { readonly kind: 'project'; readonly project: string; readonly projectStatus: Status };

export interface Change {
  readonly revision: number;
  /** When it was written. */
  readonly at: Date;
  readonly body: ChangeBody;
}
