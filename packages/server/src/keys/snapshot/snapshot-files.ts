import { closeSync, constants, fdatasync, fstatSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SnapshotRefusal } from './snapshot-event.ts';
import { formatStrike, parseStrike, type Strike } from './strikes.ts';

/** Enough for 20,000 records with RSA keys. */
export const MAX_SNAPSHOT_BYTES = 32 << 20;
/** Of all strikes together, after which the snapshot is worth little. */
const MAX_STRIKE_BYTES = 1 << 20;
const MAX_FILE_BYTES = MAX_SNAPSHOT_BYTES + MAX_STRIKE_BYTES + 16_384;
const FLOOR_DIGITS = 16;
const OTHERS_MAY_WRITE = 0o022;

export interface SnapshotOnDisk {
  readonly jws: string;
  readonly body: Uint8Array;
  readonly strikes: readonly Strike[];
}

/**
 * A snapshot on disk, for one server. The file holds three parts, each ended by LF: the JWS, the bytes that it signs
 * for, and what changed since, one line each, added by one write before anything is answered by it. Beside it stands
 * the floor (`<file>.floor`): the last revision that the file must know of, or it is not the newest one.
 *
 * What can't be written makes the snapshot unusable, never younger than it is.
 */
export class SnapshotFiles {
  readonly #path: string;
  readonly #floorPath: string;
  #fd: number | undefined;
  #floorFd: number | undefined;
  #strikeBytes = 0;
  #syncing = false;
  #syncAgain = false;

  constructor(path: string) {
    this.#path = path;
    this.#floorPath = `${path}.floor`;
  }

  /**
   * Opens the floor, and makes it where there is none.
   *
   * @returns the last revision that was seen, if that is known
   * @throws SnapshotRefusal `exposed`, `unwritable`
   */
  async open(): Promise<number | undefined> {
    try {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
      this.#floorFd = openSync(this.#floorPath, constants.O_RDWR | constants.O_CREAT, 0o600);
    } catch (cause) {
      throw new SnapshotRefusal('unwritable', { cause });
    }
    refuseExposed(this.#floorFd);
    const bytes = Buffer.alloc(FLOOR_DIGITS + 2);
    const text = bytes.toString('latin1', 0, readSync(this.#floorFd, bytes, 0, bytes.length, 0));
    return /^\d{16}\n$/.test(text) ? Number(text) : undefined;
  }

  /** @throws SnapshotRefusal `missing`, `unreadable`, `too_large`, `exposed`, `malformed` */
  async read(): Promise<SnapshotOnDisk> {
    const bytes = await readBounded(this.#path);
    const [jwsEnd, bodyEnd] = [bytes.indexOf(10), bytes.indexOf(10, bytes.indexOf(10) + 1)];
    if (jwsEnd === -1 || bodyEnd <= jwsEnd || bytes.at(-1) !== 10) throw new SnapshotRefusal('malformed');
    const lines = bytes.toString('latin1', bodyEnd + 1, Math.max(bodyEnd + 1, bytes.length - 1));
    const strikes = lines === '' ? [] : lines.split('\n').map(parseStrike);
    if (!strikes.every(strike => strike !== undefined)) throw new SnapshotRefusal('malformed');
    return { jws: bytes.toString('latin1', 0, jwsEnd), body: bytes.subarray(jwsEnd + 1, bodyEnd), strikes };
  }

  /** Makes what was read the one that strikes are added to. */
  adopt({ strikes }: SnapshotOnDisk): void {
    this.#replace(openSync(this.#path, constants.O_WRONLY | constants.O_APPEND));
    this.#strikeBytes = strikes.reduce((length, strike) => length + formatStrike(strike).length, 0);
  }

  /**
   * Writes a new snapshot beside the old one.
   *
   * @throws SnapshotRefusal `unwritable`
   */
  async draft(jws: string, body: Uint8Array): Promise<void> {
    try {
      const file = await open(this.#draftPath, 'w', 0o600);
      try {
        await file.writeFile(Buffer.concat([Buffer.from(`${jws}\n`), body, Buffer.from('\n')]));
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (cause) {
      throw new SnapshotRefusal('unwritable', { cause });
    }
  }

  /**
   * Puts what was drafted, with what changed since it was signed, in the place of the old one. Nothing can happen in
   * between: this returns when it is done.
   *
   * @throws SnapshotRefusal `unwritable`; then the old one is still in its place
   */
  replaceByDraft(revision: number, strikes: readonly Strike[]): void {
    const lines = strikes.map(formatStrike).join('');
    let fd: number | undefined;
    try {
      fd = openSync(this.#draftPath, constants.O_WRONLY | constants.O_APPEND);
      if (lines !== '') writeSync(fd, lines);
      renameSync(this.#draftPath, this.#path);
    } catch (cause) {
      if (fd !== undefined) closeSync(fd);
      throw new SnapshotRefusal('unwritable', { cause });
    }
    this.#replace(fd);
    this.#strikeBytes = lines.length;
    this.#setFloor(lastRevision(revision, strikes));
    this.#sync();
  }

  /**
   * Notes what changed, before this returns.
   *
   * @throws SnapshotRefusal `unwritable`, `struck_too_often`; the snapshot is to be dropped then
   */
  strike(strike: Strike): void {
    if (this.#fd === undefined) return;
    const line = formatStrike(strike);
    this.#strikeBytes += line.length;
    if (this.#strikeBytes > MAX_STRIKE_BYTES) throw new SnapshotRefusal('struck_too_often');
    try {
      if (writeSync(this.#fd, line) !== line.length) throw new Error('written in part');
      this.#setFloor(strike.revision);
    } catch (cause) {
      throw new SnapshotRefusal('unwritable', { cause });
    }
    this.#sync();
  }

  /** Takes the snapshot out of use: it is gone, or kept aside as `<file>.refused`, and if neither can be, barred. */
  remove(how: 'drop' | 'set-aside'): void {
    this.#replace(undefined);
    try {
      if (how === 'drop') rmSync(this.#path, { force: true });
      else renameSync(this.#path, `${this.#path}.refused`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#setFloor(Number.MAX_SAFE_INTEGER);
    }
  }

  close(): void {
    this.#replace(undefined);
    rmSync(this.#draftPath, { force: true });
    if (this.#floorFd !== undefined) closeSync(this.#floorFd);
    this.#floorFd = undefined;
  }

  /** In place: it needs no room, so a full disk can't prevent it. */
  #setFloor(revision: number): void {
    if (this.#floorFd === undefined) throw new Error('the floor is not open');
    writeSync(this.#floorFd, `${String(revision).padStart(FLOOR_DIGITS, '0')}\n`, 0);
  }

  #replace(fd: number | undefined): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = fd;
  }

  /** What was written survives the end of this process at once, and a power cut a moment later. */
  #sync(): void {
    this.#syncAgain = true;
    if (this.#syncing || this.#fd === undefined) return;
    this.#syncing = true;
    this.#syncAgain = false;
    fdatasync(this.#fd, () => {
      this.#syncing = false;
      if (this.#syncAgain) this.#sync();
    });
  }

  get #draftPath(): string {
    return `${this.#path}.draft`;
  }
}

/** The last revision that a snapshot with its strikes knows of. */
export function lastRevision(revision: number, strikes: readonly Strike[]): number {
  return strikes.reduce((last, strike) => Math.max(last, strike.revision), revision);
}

async function readBounded(path: string): Promise<Buffer> {
  const file = await open(path, 'r').catch(cause => {
    throw new SnapshotRefusal(cause?.code === 'ENOENT' ? 'missing' : 'unreadable', { cause });
  });
  try {
    refuseExposed(file.fd);
    const { size } = await file.stat();
    if (size > MAX_FILE_BYTES) throw new SnapshotRefusal('too_large');
    const bytes = Buffer.alloc(size);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(bytes, length, size - length, length);
      if (bytesRead === 0) return bytes.subarray(0, length);
      length += bytesRead;
    }
  } catch (cause) {
    throw cause instanceof SnapshotRefusal ? cause : new SnapshotRefusal('unreadable', { cause });
  } finally {
    await file.close();
  }
}

/** Strikes are not signed: who could take them away could bring back what was revoked. */
function refuseExposed(fd: number): void {
  const stat = fstatSync(fd);
  // Windows has no such bits.
  if (!stat.isFile() || (process.platform !== 'win32' && (stat.mode & OTHERS_MAY_WRITE) !== 0)) {
    throw new SnapshotRefusal('exposed');
  }
}
