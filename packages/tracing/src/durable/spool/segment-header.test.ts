import { describe, expect, it } from 'vitest';
import { decodeSegmentHeader, encodeProgress, encodeSegmentHeader, SEGMENT_HEADER_BYTES } from './segment-header.ts';

describe('a segment header', () => {
  it.each(['traces', 'metrics', 'logs'] as const)('says that it holds %s, and that nothing is done', kind => {
    expect(decodeSegmentHeader(encodeSegmentHeader(kind))).toEqual({ kind, acknowledged: SEGMENT_HEADER_BYTES });
  });

  it('keeps the furthest progress, and the one before if the last write was torn', () => {
    const header = encodeSegmentHeader('traces');
    const write = (offset: number, turn: number, length = 8) => {
      const { bytes, at } = encodeProgress(offset, turn);
      bytes.copy(header, at, 0, length);
    };
    write(100, 0);
    write(200, 1);
    write(300, 2);
    expect(decodeSegmentHeader(header)?.acknowledged).toBe(300);
    write(400, 3, 3);
    expect(decodeSegmentHeader(header)?.acknowledged).toBe(300);
  });

  it('is none if it is short, of another kind of file, or of another version', () => {
    const header = encodeSegmentHeader('logs');
    expect(decodeSegmentHeader(header.subarray(0, 31))).toBeUndefined();
    for (const at of [0, 6, 7]) {
      const other = Buffer.from(header);
      other.writeUInt8(99, at);
      expect(decodeSegmentHeader(other)).toBeUndefined();
    }
  });
});
