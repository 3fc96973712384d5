import { open } from 'node:fs/promises';

/**
 * Reads a whole file of at most so many bytes.
 *
 * @throws RangeError if it is longer; what `node:fs` throws if it can't be read
 */
export async function readBounded(path: string, maxBytes: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      length += bytesRead;
      if (length > maxBytes) throw new RangeError(`longer than ${maxBytes} bytes`);
      if (bytesRead === 0) return buffer.subarray(0, length);
    }
  } finally {
    await file.close();
  }
}
