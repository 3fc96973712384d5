import { closeSync, fdatasync, fstatSync, ftruncateSync, openSync, read, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { removeFile } from './files.ts';

const readAt = promisify(read);
const dataSync = promisify(fdatasync);

/**
 * A segment's file, opened when it is needed. Writes are positional and synchronous; what waits for the disk is not.
 * The descriptor is closed when nobody needs it: never under a read or a sync that is under way.
 */
export class SegmentFile {
  readonly path: string;
  #fd: number | undefined;
  #users = 0;
  #keptOpen: boolean;

  private constructor(path: string, fd: number | undefined) {
    this.path = path;
    this.#fd = fd;
    this.#keptOpen = fd !== undefined;
  }

  /** Makes a new file, kept open until `letGo`. */
  static create(path: string): SegmentFile {
    return new SegmentFile(path, openSync(path, 'wx+', 0o600));
  }

  static existing(path: string): SegmentFile {
    return new SegmentFile(path, undefined);
  }

  letGo(): void {
    this.#keptOpen = false;
    this.#closeIfIdle();
  }

  get bytes(): number {
    return this.#using(fd => fstatSync(fd).size);
  }

  /** All of it or, by an error, none that counts: the next write goes to the same place again. */
  write(bytes: Buffer, at: number): void {
    this.#using(fd => {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(fd, bytes, done, bytes.length - done, at + done);
      }
    });
  }

  truncate(bytes: number): void {
    this.#using(fd => ftruncateSync(fd, bytes));
  }

  /** Fewer bytes than asked for only at the end of the file. */
  async read(at: number, length: number): Promise<Buffer> {
    return this.#usingAsync(async fd => {
      const bytes = Buffer.allocUnsafe(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await readAt(fd, bytes, done, length - done, at + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return bytes.subarray(0, done);
    });
  }

  async sync(): Promise<void> {
    await this.#usingAsync(dataSync);
  }

  remove(): void {
    this.letGo();
    removeFile(this.path);
  }

  #using<T>(fn: (fd: number) => T): T {
    this.#fd ??= openSync(this.path, 'r+');
    try {
      return fn(this.#fd);
    } finally {
      this.#closeIfIdle();
    }
  }

  async #usingAsync<T>(fn: (fd: number) => Promise<T>): Promise<T> {
    this.#fd ??= openSync(this.path, 'r+');
    this.#users++;
    try {
      return await fn(this.#fd);
    } finally {
      this.#users--;
      this.#closeIfIdle();
    }
  }

  #closeIfIdle(): void {
    if (this.#fd === undefined || this.#users > 0 || this.#keptOpen) return;
    const fd = this.#fd;
    this.#fd = undefined;
    try {
      closeSync(fd);
    } catch {
      // The write that failed, if any, has said so; the descriptor is gone in any case.
    }
  }
}
