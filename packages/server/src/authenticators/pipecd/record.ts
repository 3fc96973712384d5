import type { PipedRecord } from '../piped-source.ts';

/** A piped of PipeCD, and what its keys are compared with. */
export interface PipecdRecord extends PipedRecord {
  /** bcrypt hashes of its keys, 0 to 2, newest first. */
  readonly hashes: readonly string[];
}

/** PipeCD lets a piped have two keys, so that one can replace the other. */
export const MAX_KEYS = 2;

/** What PipeCD hashes its keys with (`bcrypt.DefaultCost` of Go). */
export const PIPECD_COST = 10;

/** Each step doubles the time; 14 takes about a second. A hash that asks for more would hold a thread for its sender. */
const HASH = /^\$2[aby]\$(?:0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}$/;

/** Whether a text is a bcrypt hash as Go writes it (`$2a$10$…`), of a cost from 4 to 14. */
export function isBcryptHash(text: string): boolean {
  return HASH.test(text);
}
