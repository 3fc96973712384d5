import { Refusal } from '../problems/refusal.ts';

/** The revisions that a caller knows, one of which has to be the current one; none: any will do. */
export type Precondition = readonly number[] | undefined;

/** @throws Refusal `precondition_failed` */
export function requireRevision(known: Precondition, revision: number): void {
  if (known === undefined || known.includes(revision)) return;
  throw new Refusal('precondition_failed', 'it has changed since: read it again, then decide anew');
}

/** Something as of a revision, which changes whenever it does. */
export interface Versioned<T> {
  readonly value: T;
  readonly revision: number;
}
