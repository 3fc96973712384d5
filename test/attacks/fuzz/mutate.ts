import { randomOf } from '../../harness/random.ts';

/** Numbers that look random and are the same for the same seed. */
export class Random {
  /** In [0, 1). */
  readonly next: () => number;

  constructor(seed: number) {
    this.next = randomOf(seed);
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}

/** Bytes at which parsers change their mind. */
const TELLING = [0, 1, 9, 10, 13, 32, 34, 44, 46, 58, 61, 65, 95, 0x7f, 0x80, 0xc0, 0xff];

/** A copy with one to four changes; `others` lend pieces of themselves. */
export function mutate(original: Buffer, others: readonly Buffer[], random: Random): Buffer {
  let bytes: Buffer = Buffer.from(original);
  for (let left = 1 + random.below(random.next() < 0.6 ? 1 : 4); left > 0; left--) {
    bytes = change(bytes, others, random);
  }
  return bytes;
}

function change(bytes: Buffer, others: readonly Buffer[], random: Random): Buffer {
  const at = random.below(bytes.length + 1);
  const length = 1 + random.below(random.next() < 0.8 ? 4 : 200);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (random.below(8)) {
    case 0: {
      const bit = random.below(bytes.length * 8);
      bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      return bytes;
    }
    case 1:
      bytes[random.below(bytes.length)] = random.pick(TELLING);
      return bytes;
    case 2:
      return Buffer.concat([before, Buffer.from(Array.from({ length }, () => random.below(256))), after]);
    case 3:
      return Buffer.concat([before, Buffer.of(random.pick(TELLING)), after]);
    case 4:
      return Buffer.concat([before, after.subarray(length)]);
    case 5:
      return Buffer.concat([before, after.subarray(0, length), after]);
    case 6: {
      const other = random.pick(others);
      const from = random.below(other.length);
      return Buffer.concat([before, other.subarray(from, from + length), after.subarray(random.below(2) * length)]);
    }
    default:
      return random.next() < 0.2 ? Buffer.from(before) : Buffer.concat([after, before]);
  }
}
