import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRAME_HEADER_BYTES, FrameEncoder, findFrame, parseFrame } from './frame.ts';

const MAX = 1024 * 1024;

function framed(payload: Uint8Array, items = 1, atMs = 1): Buffer {
  return Buffer.from(new FrameEncoder().encode(payload, items, atMs));
}

describe('a frame', () => {
  it('reads back as it was written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70_000 }), fc.nat(), fc.nat(), (payload, items, atMs) => {
        const parsed = parseFrame(framed(payload, items, atMs), 0, MAX);
        expect(parsed).toMatchObject({ kind: 'frame', record: { items, appendedAtMs: atMs } });
        expect(parsed.kind === 'frame' && parsed.record.payload.equals(payload)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('is damaged when any bit of it is another', () => {
    const whole = framed(Buffer.from('payload'), 3, 1_900_000_000_000);
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(parseFrame(bytes, 0, MAX).kind, `bit ${bit}`).not.toBe('frame');
    }
  });

  it('is short when it is cut, wherever', () => {
    const whole = framed(Buffer.from('payload'));
    for (let length = 0; length < whole.length; length++) {
      expect(parseFrame(whole.subarray(0, length), 0, MAX).kind).toBe('short');
    }
    expect(parseFrame(whole.subarray(0, FRAME_HEADER_BYTES), 0, MAX)).toEqual({
      kind: 'short',
      bytesNeeded: whole.length,
    });
  });

  it('is damaged, not short, if it says to be longer than any', () => {
    const bytes = framed(Buffer.alloc(100));
    expect(parseFrame(bytes, 0, 99).kind).toBe('damaged');
  });

  it('is found behind damage, also behind the marker of a frame that is none', () => {
    const damaged = framed(Buffer.from('lost'));
    damaged.writeUInt8(damaged.readUInt8(26) ^ 1, 26);
    const next = framed(Buffer.from('kept'));
    expect(findFrame(Buffer.concat([damaged, next]), 0, MAX)).toBe(damaged.length);
    expect(findFrame(Buffer.concat([Buffer.alloc(999), next]), 0, MAX)).toBe(999);
    expect(findFrame(damaged, 0, MAX)).toBeUndefined();
  });
});
