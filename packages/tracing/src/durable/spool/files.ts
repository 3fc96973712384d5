import { unlinkSync } from 'node:fs';

export type FileError = Error & { readonly code?: string };

/** `ENOSPC` and its like; `unknown` for what is no error of a file. */
export function errorCodeOf(error: unknown): string {
  const code = (error as FileError | undefined)?.code;
  return typeof code === 'string' ? code : 'unknown';
}

/** No room, by the disk, by a quota, or by a limit of the process. */
export function isDiskFull(code: string): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
}

/** Removes a file that may be gone already. */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errorCodeOf(error) !== 'ENOENT') throw error;
  }
}
