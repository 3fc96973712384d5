import { crc32 } from 'node:zlib';
import { SIGNAL_KINDS, SIGNALS, type SignalKind } from '../signals.ts';

/*
 * The first 32 bytes of a segment:
 *   0 magic, 6 bytes | 6 version u8 | 7 signal u8 | 8 unused | 16 and 24: two slots of progress, {offset u32, crc u32}
 * Version 1: records that may be sent together. Version 2: whole requests, each to be sent by itself.
 * Progress lives in the file that it is about, so that it moves with it. It is written into the two slots in turn: a
 * write that a power cut tore leaves the other slot.
 */
const MAGIC = Buffer.from('SPSPL\x00', 'latin1');
const VERSION_AT = MAGIC.length;
const MERGEABLE = 1;
const WHOLE = 2;
const SIGNAL_AT = 7;
const SLOTS_AT = [16, 24] as const;
export const SEGMENT_HEADER_BYTES = 32;

export function encodeSegmentHeader(kind: SignalKind, whole: boolean): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt8(whole ? WHOLE : MERGEABLE, VERSION_AT);
  header.writeUInt8(SIGNALS[kind].code, SIGNAL_AT);
  return header;
}

export interface SegmentHeader {
  readonly kind: SignalKind;
  /** Its records are requests to be sent as they came. */
  readonly whole: boolean;
  /** Where the first record starts that is not done yet. */
  readonly acknowledged: number;
}

/** Undefined if these are not the first bytes of a segment of a version that is known. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const version = bytes.readUInt8(VERSION_AT);
  if (version !== MERGEABLE && version !== WHOLE) return undefined;
  const kind = SIGNAL_KINDS.find(candidate => SIGNALS[candidate].code === bytes.readUInt8(SIGNAL_AT));
  const acknowledged = Math.max(SEGMENT_HEADER_BYTES, ...SLOTS_AT.map(at => slot(bytes, at)));
  return kind && { kind, whole: version === WHOLE, acknowledged };
}

export interface ProgressWrite {
  readonly bytes: Buffer;
  readonly at: number;
}

/** @param turn counts the writes, so that they alternate between the slots. */
export function encodeProgress(offset: number, turn: number): ProgressWrite {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(offset, 0);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 4)), 4);
  return { bytes, at: SLOTS_AT[turn % 2 === 0 ? 0 : 1] };
}

function slot(bytes: Buffer, at: number): number {
  const valid = crc32(bytes.subarray(at, at + 4)) === bytes.readUInt32LE(at + 4);
  return valid ? bytes.readUInt32LE(at) : 0;
}
