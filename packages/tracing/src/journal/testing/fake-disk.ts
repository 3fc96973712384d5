import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const original = fs.writeSync;

/** As long as it is there, this process's synchronous writes meet a disk that does as a test says. */
export class FakeDisk implements Disposable {
  isReadOnly = false;
  /** How many bytes still fit; what lies within a file takes no room. */
  roomBytes = Number.POSITIVE_INFINITY;

  constructor() {
    const write = (fd: number, bytes: Buffer, offset = 0, length = bytes.length - offset, at?: number | null) =>
      this.#write(fd, bytes, offset, length, at ?? 0);
    fs.writeSync = write as typeof fs.writeSync;
    syncBuiltinESMExports();
  }

  set isFull(isFull: boolean) {
    this.roomBytes = isFull ? 0 : Number.POSITIVE_INFINITY;
  }

  [Symbol.dispose](): void {
    fs.writeSync = original;
    syncBuiltinESMExports();
  }

  #write(fd: number, bytes: Buffer, offset: number, length: number, at: number): number {
    if (this.isReadOnly) throw Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' });
    const growth = Math.max(0, at + length - fs.fstatSync(fd).size);
    if (growth > 0 && this.roomBytes <= 0) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
    const fits = Math.min(length, length - growth + this.roomBytes);
    this.roomBytes -= Math.max(0, fits - (length - growth));
    return original(fd, bytes, offset, fits, at);
  }
}
