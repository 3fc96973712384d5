import { open } from 'node:fs/promises';
import { Failure, oneLine } from '../failure.ts';

const MAX_BYTES = 4096;

/**
 * Reads a secret of one line from a file that only its owner can read. `otherwise` says where else it could come from.
 *
 * @throws Failure that says what to do; nothing of the content is in it
 */
export async function readSecretFile(path: string, otherwise: string): Promise<string> {
  const text = await readBounded(path, otherwise);
  const secret = text.trim();
  if (!/^[\x21-\x7e]+$/.test(secret)) throw new Failure(`${path} must hold one token: printable ASCII, no blanks`);
  return secret;
}

async function readBounded(path: string, otherwise: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const stat = await file.stat();
    if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0) {
      throw new Failure(`${path} can be read by others than its owner: chmod 600 ${path}`);
    }
    const buffer = Buffer.alloc(MAX_BYTES);
    const { bytesRead } = await file.read(buffer, 0, MAX_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    if (error instanceof Failure) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const problem = code === 'ENOENT' ? `there is no ${path}` : `can't read ${path} (${code ?? oneLine(error)})`;
    throw new Failure(`${problem}: ${otherwise}`, { cause: error });
  }
}
