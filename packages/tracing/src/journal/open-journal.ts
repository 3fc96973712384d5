import type { JournalOptions } from '../api.ts';
import { systemClock } from '../durable/clock.ts';
import { log } from '../log.ts';
import { Journal } from './journal.ts';
import { JournalFolder } from './journal-folder.ts';
import type { JournalHeader } from './journal-reader.ts';

const DEFAULT_MAX_BYTES = 8 * 1024 * 1024;

export interface OpenJournal {
  readonly folder: JournalFolder;
  readonly journal: Journal;
}

/** A folder that can't be used is no reason for a piped not to start: then there is no journal, and it is said. */
export function openJournal(
  { folder: path, maxBytes = DEFAULT_MAX_BYTES }: JournalOptions,
  header: JournalHeader,
  nowMs: () => number,
): OpenJournal | undefined {
  try {
    const folder = new JournalFolder(path, { ...systemClock, now: nowMs });
    return { folder, journal: new Journal({ folder, header, nowMs, maxBytes }) };
  } catch (error) {
    log.error(`there is no journal of open spans, those of a killed process will be lost: ${String(error)}`);
    return undefined;
  }
}
