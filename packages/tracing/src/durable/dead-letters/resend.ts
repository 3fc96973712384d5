import type { Spool } from '../spool/spool.ts';
import type { DeadLetter } from './dead-letter-file.ts';
import { DeadLetters } from './dead-letters.ts';

export interface Resent {
  /** Back in the spool, and no dead letters any more. */
  readonly resent: readonly string[];
  /** Not found, or refused by the spool: left as they were. */
  readonly kept: readonly string[];
}

/**
 * Puts dead letters back into the spool that they came from; whoever sends from it sends them again. A crash on the way
 * sends one twice rather than never.
 *
 * @param ids default: all
 */
export async function resendDeadLetters(spool: Spool, ids?: readonly string[]): Promise<Resent> {
  const letters = new DeadLetters(spool.folder);
  const resent: string[] = [];
  const kept: string[] = [];
  for (const id of ids ?? (await letters.list()).map(letter => letter.id)) {
    const found = await letters.read(id);
    const stored = found && append(spool, found.letter, found.payload);
    (stored ? resent : kept).push(id);
  }
  await spool.flush();
  for (const id of resent) await letters.remove(id);
  return { resent, kept };
}

function append(spool: Spool, { kind, items, whole = false }: DeadLetter, payload: Buffer): boolean {
  return spool.append(kind, payload, items, { whole }).kind === 'stored';
}
