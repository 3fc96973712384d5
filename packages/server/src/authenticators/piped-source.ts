import type { Signal } from '@spanpass/credential';
import { untilAborted } from '../check-deadline.ts';
import type { Owner } from '../contract.ts';
import { AuthenticationError } from '../refusals.ts';

/** What is known of a piped, for authenticators whose credentials do not lead to a key record. */
export interface PipedRecord {
  readonly project: string;
  readonly piped: string;
  readonly pipedStatus: 'active' | 'disabled';
  readonly projectStatus: 'active' | 'disabled';
  /** The signals that the piped may send. */
  readonly scopes: readonly Signal[];
  /** Grows with each change of the record. */
  readonly revision: number;
}

/** Where records of pipeds come from, and what may be believed of those at hand. */
export interface PipedSource<R extends PipedRecord = PipedRecord> {
  /**
   * The record at hand, if there is one that may be believed now. The same object for as long as nothing changed: what
   * was decided with another one has to be decided anew.
   */
  peek(project: string, piped: string): R | undefined;
  /**
   * The record; none if there is no such piped. A known answer needs no promise.
   *
   * @param signal ends the wait
   * @throws AuthenticationError (or rejects with it) when it can't be told: `key_source_unavailable`
   */
  lookup(project: string, piped: string, signal: AbortSignal): R | undefined | Promise<R | undefined>;
}

/**
 * The record at hand, else the one that the source finds within the time.
 *
 * @throws AuthenticationError `key_source_unavailable`, or what the source threw of the kind
 */
export async function findPiped<R extends PipedRecord>(
  source: PipedSource<R>,
  { project, piped }: Pick<Owner, 'project' | 'piped'>,
  timeoutMs: number,
): Promise<R | undefined> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const found = source.peek(project, piped) ?? source.lookup(project, piped, signal);
    // Bounds even a source that does not look at the signal.
    return found instanceof Promise ? await untilAborted(found, signal) : found;
  } catch (cause) {
    throw cause instanceof AuthenticationError ? cause : new AuthenticationError('key_source_unavailable', { cause });
  }
}

export function isActive({ pipedStatus, projectStatus }: PipedRecord): boolean {
  return pipedStatus === 'active' && projectStatus === 'active';
}

/** Why a piped may not pass, once its sender is known: `piped_disabled`, `project_disabled`. */
export function inactivity({ pipedStatus, projectStatus }: PipedRecord, owner: Owner): AuthenticationError | undefined {
  if (pipedStatus !== 'active') return new AuthenticationError('piped_disabled', { owner });
  if (projectStatus !== 'active') return new AuthenticationError('project_disabled', { owner });
  return undefined;
}
