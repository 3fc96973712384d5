import { isSignalKind, type SignalKind } from '../signals.ts';

/** What is known of a record that the receiver refused for good. */
export interface DeadLetter {
  /** Of the record: two deaths of the same record are one letter. */
  readonly id: string;
  readonly kind: SignalKind;
  readonly items: number;
  /** A request that is sent by itself, as it is. */
  readonly whole?: boolean;
  /** Of payload. */
  readonly bytes: number;
  readonly appendedAtMs: number;
  readonly refusedAtMs: number;
  /** Such as `HTTP 400`. */
  readonly reason: string;
  /** The receiver's words: one line. */
  readonly message: string;
}

const ID = /^[0-9a-f-]{1,100}$/;
const SUFFIX = '.letter';
const MAX_HEADER_BYTES = 8 * 1024;
const VERSION = 1;

export function isLetterId(id: unknown): id is string {
  return typeof id === 'string' && ID.test(id);
}

export function letterFileName(id: string): string {
  return `${id}${SUFFIX}`;
}

/** Undefined for any other file. */
export function idOfFileName(fileName: string): string | undefined {
  const id = fileName.endsWith(SUFFIX) ? fileName.slice(0, -SUFFIX.length) : undefined;
  return isLetterId(id) ? id : undefined;
}

/** One line of JSON, so that a person can read it, and then the payload as it was. */
export function encodeLetter(letter: DeadLetter, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify({ v: VERSION, ...letter })}\n`), payload]);
}

/** Undefined if these are not the first bytes of a dead letter of this version. `payloadAt` is where its payload starts. */
export function decodeLetter(bytes: Buffer): { letter: DeadLetter; payloadAt: number } | undefined {
  const lineEnd = bytes.subarray(0, MAX_HEADER_BYTES).indexOf('\n');
  if (lineEnd < 0) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8', 0, lineEnd));
  } catch {
    return undefined;
  }
  const letter = letterIn(value);
  return letter && { letter, payloadAt: lineEnd + 1 };
}

function letterIn(value: unknown): DeadLetter | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { v, ...letter } = value as Record<keyof DeadLetter | 'v', unknown>;
  const numbers = [letter.items, letter.bytes, letter.appendedAtMs, letter.refusedAtMs];
  const texts = [letter.reason, letter.message];
  const usable =
    v === VERSION &&
    isLetterId(letter.id) &&
    isSignalKind(letter.kind) &&
    numbers.every(number => typeof number === 'number') &&
    texts.every(text => typeof text === 'string');
  return usable ? (letter as DeadLetter) : undefined;
}
