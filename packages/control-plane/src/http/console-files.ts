import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { ControlPlaneStartError } from '../problems/start-error.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
};
/** No character that a route gives a meaning of its own. */
const NAME = /^[A-Za-z0-9._-]+\.(html|js|css|json|svg|png|ico|woff2|txt|webmanifest)$/;
const MAX_FILES = 500;
const MAX_BYTES = 16 << 20;

export interface ConsoleFile {
  readonly type: string;
  readonly etag: string;
  readonly bytes: Buffer;
}

/** Files by URL path; `/` is `index.html`. */
export type ConsoleFiles = ReadonlyMap<string, ConsoleFile>;

/**
 * Reads a directory of static files, once: what is not in it can't be asked for, whatever a path looks like.
 *
 * @throws ControlPlaneStartError `console_unusable`
 */
export async function readConsoleFiles(folder: string): Promise<ConsoleFiles> {
  const unusable = (why: string, cause?: unknown) =>
    new ControlPlaneStartError('console_unusable', `${folder} can't be served as the console: ${why}`, { cause });
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const names = entries.filter(entry => entry.isFile() && NAME.test(entry.name));
    if (names.length > MAX_FILES) throw unusable(`it holds more than ${MAX_FILES} files`);
    const files = new Map<string, ConsoleFile>();
    let total = 0;
    for (const entry of names) {
      const path = join(entry.parentPath, entry.name);
      const bytes = await readFile(path);
      total += bytes.length;
      if (total > MAX_BYTES) throw unusable('it holds more than 16 MiB');
      // Its URL is the API's.
      if (path === join(folder, 'openapi.json')) continue;
      const file = { type: TYPES[extname(path)] ?? '', etag: `"${hash(bytes)}"`, bytes };
      files.set(`/${relative(folder, path).split(sep).join('/')}`, file);
    }
    const index = files.get('/index.html');
    if (index === undefined) throw unusable('it has no index.html');
    return files.set('/', index);
  } catch (error) {
    if (error instanceof ControlPlaneStartError) throw error;
    throw unusable(`it can't be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`, error);
  }
}

function hash(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
}
