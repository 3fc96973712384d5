import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCodeOf } from '../spool/files.ts';
import {
  type DeadLetter,
  decodeLetter,
  encodeLetter,
  idOfFileName,
  isLetterId,
  letterFileName,
} from './dead-letter-file.ts';

const MAX_HEADER_BYTES = 8 * 1024;

/** Records that the receiver refused for good, one file each, until somebody looks at them. */
export class DeadLetters {
  readonly #folder: string;

  /** @param spoolFolder the folder of the spool that they came from */
  constructor(spoolFolder: string) {
    this.#folder = join(spoolFolder, 'dead-letters');
  }

  /** On the disk when it resolves, whole or not at all. */
  async add(letter: DeadLetter, payload: Buffer): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const path = this.#path(letter.id);
    const unfinished = `${path}.${process.pid}.tmp`;
    try {
      await using file = await open(unfinished, 'w', 0o600);
      await file.writeFile(encodeLetter(letter, payload));
      await file.sync();
      await rename(unfinished, path);
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
    await using folder = await open(this.#folder, 'r');
    await folder.sync();
  }

  /** Oldest first. Files that are no dead letters are passed over. */
  async list(): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = [];
    for (const id of await this.#ids()) {
      const letter = await this.#header(id);
      if (letter) letters.push(letter);
    }
    return letters;
  }

  /** Undefined if there is none of this id. */
  async read(id: string): Promise<{ letter: DeadLetter; payload: Buffer } | undefined> {
    if (!isLetterId(id)) return undefined;
    const bytes = await missingIsUndefined(readFile(this.#path(id)));
    const decoded = bytes && decodeLetter(bytes);
    return decoded && { letter: decoded.letter, payload: bytes.subarray(decoded.payloadAt) };
  }

  async remove(id: string): Promise<void> {
    if (isLetterId(id)) await rm(this.#path(id), { force: true });
  }

  /** Removes the oldest until the rest keeps to `maxBytes`, and answers what went. */
  async trim(maxBytes: number): Promise<DeadLetter[]> {
    const gone: DeadLetter[] = [];
    const sizes = await this.#sizes();
    let bytes = sizes.reduce((sum, { size }) => sum + size, 0);
    for (const { id, size } of sizes) {
      if (bytes <= maxBytes) break;
      const letter = await this.#header(id);
      await this.remove(id);
      bytes -= size;
      if (letter) gone.push(letter);
    }
    return gone;
  }

  async #sizes(): Promise<{ id: string; size: number }[]> {
    const sizes: { id: string; size: number }[] = [];
    for (const id of await this.#ids()) {
      const found = await missingIsUndefined(stat(this.#path(id)));
      if (found) sizes.push({ id, size: found.size });
    }
    return sizes;
  }

  /** An id starts with the time of its segment, so names are in the order of time. */
  async #ids(): Promise<string[]> {
    const files = (await missingIsUndefined(readdir(this.#folder))) ?? [];
    return files.flatMap(file => idOfFileName(file) ?? []).sort();
  }

  async #header(id: string): Promise<DeadLetter | undefined> {
    const file = await missingIsUndefined(open(this.#path(id), 'r'));
    if (!file) return undefined;
    await using handle = file;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_HEADER_BYTES), 0, MAX_HEADER_BYTES, 0);
    return decodeLetter(buffer.subarray(0, bytesRead))?.letter;
  }

  #path(id: string): string {
    return join(this.#folder, letterFileName(id));
  }
}

async function missingIsUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
