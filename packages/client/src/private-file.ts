import { constants } from 'node:fs';
// The default import, so that a test can make single calls fail as a full disk or a crash would.
import fs from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ClientError } from './errors.ts';

const MAX_BYTES = 65_536;

/**
 * Reads a JSON file that nobody but its owner may read. Symbolic links are followed, since secret stores mount their
 * files as links; the checks look at the opened file itself, so nothing can be swapped in between.
 *
 * @throws ClientError `key_file_missing`, `key_file_unreadable`, `key_file_not_a_file`, `key_file_exposed`,
 *   `key_file_too_large`, `key_file_invalid`
 */
export async function readPrivateJson(path: string): Promise<unknown> {
  const text = await readPrivateText(path);
  try {
    return JSON.parse(text);
  } catch {
    // The cause is dropped on purpose: it quotes the text.
    throw new ClientError('key_file_invalid', `${path} is not valid JSON`);
  }
}

async function readPrivateText(path: string): Promise<string> {
  const handle = await open(path);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new ClientError('key_file_not_a_file', `${path} is not a file`);
    if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0) {
      throw new ClientError('key_file_exposed', `${path} can be read by others than its owner: chmod 600 ${path}`);
    }
    const buffer = Buffer.alloc(MAX_BYTES + 1);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    if (bytesRead > MAX_BYTES) throw new ClientError('key_file_too_large', `${path} is larger than 64 KiB`);
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    throw error instanceof ClientError ? error : unreadable(path, error);
  } finally {
    await handle.close();
  }
}

async function open(path: string): Promise<fs.FileHandle> {
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
    return await fs.open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      throw new ClientError('key_file_missing', `${path} does not exist: enroll first, or name another key file`);
    }
    throw unreadable(path, error);
  }
}

/**
 * Writes a file of mode 0600 so that after a crash either nothing, or the old content, or the whole new content is
 * there. With `exclusive`, what exists is never replaced. A symbolic link stays, and what it leads to is replaced;
 * with `exclusive`, a link counts as existing even if it leads nowhere.
 *
 * @throws ClientError `key_file_exists`, `key_file_write_failed`
 */
export async function writePrivateFile(path: string, text: string, options: { exclusive: boolean }): Promise<void> {
  try {
    const target = options.exclusive ? path : await followed(path);
    const temporary = join(dirname(target), `.${basename(target)}.${crypto.randomUUID()}.tmp`);
    try {
      await writeDurably(temporary, text);
      await (options.exclusive ? moveWithoutReplacing(temporary, target) : fs.rename(temporary, target));
    } catch (error) {
      await fs.rm(temporary, { force: true }).catch(() => {});
      throw error;
    }
    await syncDirectory(dirname(target));
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'EEXIST') {
      throw new ClientError('key_file_exists', `${path} exists already and is not overwritten: move it away first`);
    }
    const reason = code === 'ENOSPC' || code === 'EDQUOT' ? `the disk is full (${code})` : code;
    throw new ClientError('key_file_write_failed', `cannot write ${path}: ${reason}`, { cause: error });
  }
}

/**
 * Removes a file, whether it is there or not. Not durably: after a power failure it may be there again.
 *
 * @throws ClientError `key_file_write_failed`
 */
export async function removePrivateFile(path: string): Promise<void> {
  try {
    await fs.rm(path, { force: true });
  } catch (error) {
    throw new ClientError('key_file_write_failed', `cannot remove ${path}: ${errnoOf(error)}`, { cause: error });
  }
}

/** Also true of a symbolic link that leads nowhere. */
export async function exists(path: string): Promise<boolean> {
  try {
    await fs.lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw unreadable(path, error);
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const handle = await fs.open(path, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function moveWithoutReplacing(from: string, to: string): Promise<void> {
  try {
    await fs.link(from, to);
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errnoOf(error))) throw error;
    // No hard links on this file system. What remains is a check that two writers at once could both pass.
    if (await exists(to)) throw Object.assign(new Error('exists'), { code: 'EEXIST' });
    return fs.rename(from, to);
  }
  await fs.rm(from);
}

async function followed(path: string): Promise<string> {
  try {
    return await fs.realpath(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return path;
    throw error;
  }
}

/** A rename is on disk only when its directory is. Windows can't open one, some network file systems can't sync one. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await fs.open(path, 'r');
  try {
    await handle.sync();
  } catch (error) {
    if (errnoOf(error) !== 'EINVAL') throw error;
  } finally {
    await handle.close();
  }
}

function unreadable(path: string, error: unknown): ClientError {
  return new ClientError('key_file_unreadable', `cannot read ${path}: ${errnoOf(error)}`, { cause: error });
}

function errnoOf(error: unknown): string {
  const code: unknown = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'unknown error';
}
