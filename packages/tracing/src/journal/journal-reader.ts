import { readFileSync, statSync } from 'node:fs';
import { findFrame, parseFrame } from '../durable/spool/frame.ts';
import { type PartRecord, partRecordFrom } from './part-record.ts';
import { isObject, type SpanRecord, spanRecordFrom } from './span-record.ts';

/** Larger lengths on disk are damage. */
export const MAX_RECORD_BYTES = 256 * 1024;
/** Larger files are none that was written here: a journal's own bound is smaller. */
export const MAX_FILE_BYTES = 1024 ** 3;
const VERSION = 1;

/** Whose journal it is. Another piped's spans must not go out under this one's name. */
export interface JournalHeader {
  readonly project: string;
  readonly piped: string;
  /** The piped's own version. */
  readonly version: string;
}

export interface JournalContent {
  readonly header: JournalHeader;
  /** In the order in which they were written. */
  readonly spans: readonly SpanRecord[];
  readonly parts: readonly PartRecord[];
  /** When the process last wrote, by its own clock: a later write is later evidence, whatever the clock did meanwhile. */
  readonly aliveAtMs: number;
}

export function headerPayload(header: JournalHeader): Buffer {
  const { project, piped, version } = header;
  return Buffer.from(JSON.stringify({ kind: 'journal', v: VERSION, project, piped, version }));
}

/**
 * Reads what is whole. Records that are done, torn, or damaged are passed over alike.
 *
 * @returns undefined where there is no readable header of this format.
 * @throws the file system's error
 */
export function readJournal(path: string): JournalContent | undefined {
  if (statSync(path).size > MAX_FILE_BYTES) return undefined;
  const bytes = readFileSync(path);
  let header: JournalHeader | undefined;
  const spans: SpanRecord[] = [];
  const parts: PartRecord[] = [];
  let last = { serial: -1, atMs: 0 };
  for (let at: number | undefined = 0; at !== undefined; ) {
    const parsed = parseFrame(bytes, at, MAX_RECORD_BYTES);
    if (parsed.kind !== 'frame') {
      at = findFrame(bytes, at + 1, MAX_RECORD_BYTES);
      continue;
    }
    at = parsed.end;
    const { payload, items: serial, appendedAtMs: atMs } = parsed.record;
    if (serial > last.serial) last = { serial, atMs };
    const value = parsedJson(payload);
    if (!isObject(value)) continue;
    if (value.kind === 'journal') header = headerFrom(value);
    const span = value.kind === 'span' ? spanRecordFrom(value) : undefined;
    if (span) spans.push(span);
    const part = value.kind === 'part' ? partRecordFrom(value) : undefined;
    if (part) parts.push(part);
  }
  return header && { header, spans, parts, aliveAtMs: last.atMs };
}

/** One of a format that is not known is nobody's here, but no damage: a later version may have written it. */
function headerFrom({ v, project, piped, version }: Record<string, unknown>): JournalHeader {
  const isKnown =
    v === VERSION && typeof project === 'string' && typeof piped === 'string' && typeof version === 'string';
  return isKnown ? { project, piped, version } : { project: '', piped: '', version: '' };
}

function parsedJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString());
  } catch {
    return undefined;
  }
}
