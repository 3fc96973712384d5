import { describe, expect, it } from 'vitest';
import { decodeSegmentHeader, encodeProgress, encodeSegmentHeader, SEGMENT_HEADER_BYTES } from './segment-header.ts';

describe('a segment header', () => {
  it.each(['traces', 'metrics', 'logs'] as const)('says that it holds %s, and that nothing is done', kind => {
    expect(decodeSegmentHeader(encodeSegmentHeader(kind, false))).toEqual({
      kind,
      whole: false,
      acknowledged: SEGMENT_HEADER_BYTES,
    });
  });

  it('says by its version that its records are whole requests', () => {
    const header = encodeSegmentHeader('profiles', true);
    expect(header.subarray(0, 8).toString('latin1')).toBe('SPSPL\0\x02\x04');
    expect(decodeSegmentHeader(header)).toMatchObject({ kind: 'profiles', whole: true });
  });

  it('is read as the first version wrote it', () => {
    const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
    header.write('SPSPL\0\x01\x02', 'latin1');
    expect(decodeSegmentHeader(header)).toEqual({
      kind: 'metrics',
      whole: false,
      acknowledged: SEGMENT_HEADER_BYTES,
    });
  });

  it('keeps the furthest progress, and the one before if the last write was torn', () => {
    const header = encodeSegmentHeader('traces', false);
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
    const header = encodeSegmentHeader('logs', false);
    expect(decodeSegmentHeader(header.subarray(0, 31))).toBeUndefined();
    for (const at of [0, 6, 7]) {
      const other = Buffer.from(header);
      other.writeUInt8(99, at);
      expect(decodeSegmentHeader(other)).toBeUndefined();
    }
  });
});
