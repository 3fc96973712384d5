import { crc32 } from 'node:zlib';

/*
 * One record on disk, little endian:
 *   0 marker u32 | 4 crc u32 of all that follows | 8 payload length u32 | 12 items u32 | 16 appended at f64 | 24 payload
 * The marker lets a reader find the next record behind damage.
 */
const MARKER = 0xf15350d5;
const MARKER_BYTES = Buffer.from([0xd5, 0x50, 0x53, 0xf1]);
const CRC_FROM = 8;
export const FRAME_HEADER_BYTES = 24;
export const MAX_ITEMS = 0xffff_ffff;

/** A record as it was appended. */
export interface SpoolRecord {
  /** One OTLP export request, protobuf. */
  readonly payload: Buffer;
  /** Spans, data points or log records in it. */
  readonly items: number;
  /** Wall clock of the append, milliseconds since 1970. */
  readonly appendedAtMs: number;
}

export type ParsedFrame =
  | { readonly kind: 'frame'; readonly record: SpoolRecord; readonly end: number }
  /** More bytes are needed than there are: read on, or it is a torn tail. */
  | { readonly kind: 'short'; readonly bytesNeeded: number }
  | { readonly kind: 'damaged' };

/** Writes records into one buffer that it keeps, so that an append allocates nothing. */
export class FrameEncoder {
  #scratch = Buffer.alloc(16 * 1024);

  /** The answer is valid until the next call. */
  encode(payload: Uint8Array, items: number, appendedAtMs: number): Buffer {
    const bytes = FRAME_HEADER_BYTES + payload.length;
    if (bytes > this.#scratch.length) this.#scratch = Buffer.alloc(2 ** Math.ceil(Math.log2(bytes)));
    const frame = this.#scratch.subarray(0, bytes);
    frame.writeUInt32LE(MARKER, 0);
    frame.writeUInt32LE(payload.length, 8);
    frame.writeUInt32LE(items, 12);
    frame.writeDoubleLE(appendedAtMs, 16);
    frame.set(payload, FRAME_HEADER_BYTES);
    frame.writeUInt32LE(crc32(frame.subarray(CRC_FROM)), 4);
    return frame;
  }
}

/** Reads the record that starts at `at`. The payload is a view on `bytes`. */
export function parseFrame(bytes: Buffer, at: number, maxPayloadBytes: number): ParsedFrame {
  const left = bytes.length - at;
  if (left < FRAME_HEADER_BYTES) return { kind: 'short', bytesNeeded: FRAME_HEADER_BYTES };
  const length = bytes.readUInt32LE(at + 8);
  if (bytes.readUInt32LE(at) !== MARKER || length > maxPayloadBytes) return { kind: 'damaged' };
  const bytesNeeded = FRAME_HEADER_BYTES + length;
  if (left < bytesNeeded) return { kind: 'short', bytesNeeded };
  const end = at + bytesNeeded;
  if (crc32(bytes.subarray(at + CRC_FROM, end)) !== bytes.readUInt32LE(at + 4)) return { kind: 'damaged' };
  const payload = bytes.subarray(at + FRAME_HEADER_BYTES, end);
  return {
    kind: 'frame',
    record: { payload, items: bytes.readUInt32LE(at + 12), appendedAtMs: bytes.readDoubleLE(at + 16) },
    end,
  };
}

/** Where the next whole record starts at or behind `from`; undefined if there is none. */
export function findFrame(bytes: Buffer, from: number, maxPayloadBytes: number): number | undefined {
  for (let at = bytes.indexOf(MARKER_BYTES, from); at >= 0; at = bytes.indexOf(MARKER_BYTES, at + 1)) {
    if (parseFrame(bytes, at, maxPayloadBytes).kind === 'frame') return at;
  }
  return undefined;
}
