import type { PipedRecord } from '../piped-source.ts';

/** A piped of PipeCD, and what its keys are compared with. */
export interface PipecdRecord extends PipedRecord {
  /** bcrypt hashes of its keys, 0 to 2, newest first. */
  readonly hashes: readonly string[];
}

export { isBcryptHash, MAX_PIPECD_KEYS as MAX_KEYS } from '@spanpass/credential';

/** What PipeCD hashes its keys with (`bcrypt.DefaultCost` of Go). */
export const PIPECD_COST = 10;
