import { FormatError, type KeyFile, type PendingKey, parseKeyFile, parsePendingKey } from '@spanpass/credential';
import { ClientError } from './errors.ts';
import { readPrivateJson, writePrivateFile } from './private-file.ts';

/**
 * Reads a key file, and checks in this order: it is there and is a file, nobody but its owner can read it (not on
 * Windows, which has no such mode), it is at most 64 KiB of JSON, it is of version 1, and its kid is its key's.
 *
 * @throws ClientError `key_file_missing`, `key_file_unreadable`, `key_file_not_a_file`, `key_file_exposed`,
 *   `key_file_too_large`, `key_file_invalid`, `key_file_unknown_version`
 * @example
 * const { project, piped, notAfter } = await readKeyFile('/etc/piped/key.json');
 */
export function readKeyFile(path: string): Promise<KeyFile> {
  return parsed(path, parseKeyFile);
}

/**
 * Writes a key file, mode 0600, atomically and durably. An existing one is replaced only if `overwrite` is set.
 *
 * @throws ClientError `key_file_exists`, `key_file_write_failed` (a full disk, for example; nothing is left behind)
 */
export async function writeKeyFile(path: string, file: KeyFile, options: { overwrite?: boolean } = {}): Promise<void> {
  await writePrivateFile(path, `${JSON.stringify(file, null, 2)}\n`, { exclusive: options.overwrite !== true });
}

/** @throws as `readKeyFile` */
export function readPendingKey(path: string): Promise<PendingKey> {
  return parsed(path, parsePendingKey);
}

/** Never replaces a pending key, since a control plane may already have accepted it. */
export async function writePendingKey(path: string, pending: PendingKey): Promise<void> {
  await writePrivateFile(path, `${JSON.stringify(pending, null, 2)}\n`, { exclusive: true });
}

async function parsed<T>(path: string, parse: (input: unknown) => Promise<T>): Promise<T> {
  const input = await readPrivateJson(path);
  try {
    return await parse(input);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const code = error.code === 'unknown_version' ? 'key_file_unknown_version' : 'key_file_invalid';
    throw new ClientError(code, `${path}: ${error.message}`, { cause: error });
  }
}
