import { closeSync, fstatSync, openSync, renameSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { removeFile } from '../durable/spool/files.ts';
import { FRAME_HEADER_BYTES, FrameEncoder } from '../durable/spool/frame.ts';

const ALIVE = Buffer.from(JSON.stringify({ kind: 'alive' }));
const NO_MARKER = Buffer.alloc(4);

export interface JournalFileParts {
  readonly path: string;
  /** The first record. */
  readonly header: Buffer;
  readonly nowMs: () => number;
}

/**
 * A file of records, in the frames of the spool: the header; a sign of life, which is written over again and again; and
 * one record for each thing that is open. A record is taken back in place, by four bytes over its marker, so that this
 * needs no room: it works on a full disk, and a journal does not grow by what has ended. Where the spool counts items, a
 * serial number stands, which orders the writes even if the clock jumps.
 *
 * Every write is one that is with the kernel when the call returns: a killed process loses none.
 */
export class JournalFile {
  /** Of the payloads that it was made with. */
  readonly places: readonly number[];
  readonly #path: string;
  readonly #nowMs: () => number;
  readonly #encoder = new FrameEncoder();
  readonly #aliveAt: number;
  readonly #fd: number;
  readonly #inode: number;
  #serial = 0;
  #end = 0;

  /**
   * Replaces the file at the path, if there is one, by one that holds `payloads`.
   *
   * @throws the file system's error; what was at the path is as before then.
   */
  constructor({ path, header, nowMs }: JournalFileParts, payloads: readonly Buffer[]) {
    this.#path = path;
    this.#nowMs = nowMs;
    const draft = `${path}.tmp`;
    this.#fd = openSync(draft, 'w+', 0o600);
    try {
      const frames: Buffer[] = [];
      const place = (payload: Buffer): number => {
        const at = this.#end;
        const frame = Buffer.from(this.#frame(payload));
        frames.push(frame);
        this.#end += frame.length;
        return at;
      };
      place(header);
      this.#aliveAt = place(ALIVE);
      this.places = payloads.map(place);
      this.#write(Buffer.concat(frames), 0);
      renameSync(draft, path);
      this.#inode = fstatSync(this.#fd).ino;
    } catch (error) {
      closeSync(this.#fd);
      attemptToRemove(draft);
      throw error;
    }
  }

  get bytes(): number {
    return this.#end;
  }

  static bytesOf(payload: Buffer): number {
    return FRAME_HEADER_BYTES + payload.length;
  }

  /** @returns where it is. @throws the file system's error; the next record goes to the same place then. */
  append(payload: Buffer): number {
    const at = this.#end;
    const frame = this.#frame(payload);
    this.#write(frame, at);
    this.#end += frame.length;
    return at;
  }

  /** @throws the file system's error */
  takeBack(at: number): void {
    this.#write(NO_MARKER, at);
  }

  /** @throws the file system's error */
  beat(): void {
    this.#write(this.#frame(ALIVE), this.#aliveAt);
  }

  /** Whether somebody removed or replaced it: then nobody would find what is written here. */
  isAstray(): boolean {
    return statSync(this.#path, { throwIfNoEntry: false })?.ino !== this.#inode;
  }

  close(): void {
    closeSync(this.#fd);
  }

  remove(): void {
    this.close();
    removeFile(this.#path);
  }

  #frame(payload: Buffer): Buffer {
    return this.#encoder.encode(payload, this.#serial++, this.#nowMs());
  }

  #write(bytes: Buffer, at: number): void {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.#fd, bytes, done, bytes.length - done, at + done);
    }
  }
}

function attemptToRemove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // The error that is thrown matters more, and whoever comes next writes over it.
  }
}
