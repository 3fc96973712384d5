import { randomUUID } from 'node:crypto';
import { link, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The text of a small private file, trimmed; none if there is no such file. */
export async function readPrivateText(path: string): Promise<{ text: string; exposed: boolean } | undefined> {
  try {
    const { mode, size } = await stat(path);
    const text = size > 4096 ? '' : (await readFile(path, 'utf8')).trim();
    // Windows has no such bits.
    return { text, exposed: process.platform !== 'win32' && (mode & 0o077) !== 0 };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes a new file that its owner alone may read. It is there whole, on the disk, or not at all. */
export async function createPrivateText(path: string, text: string): Promise<void> {
  const draft = join(dirname(path), `.${randomUUID()}`);
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${text}\n`);
    await file.sync();
    await link(draft, path);
  } finally {
    await file.close();
    await rm(draft, { force: true });
  }
}
