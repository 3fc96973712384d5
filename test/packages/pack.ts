import { join } from 'node:path';
import { repoRoot } from '../engines/root.ts';
import { run } from '../engines/run.ts';
import { publishedRooms } from './published.ts';

export interface Packed {
  readonly name: string;
  readonly tarball: string;
  /** Bytes to download, and on disk. */
  readonly size: number;
  readonly unpackedSize: number;
  /** Paths inside the package. */
  readonly files: readonly string[];
}

interface NpmPacked {
  readonly name: string;
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

/** `npm pack` of each published package, as the build has left it. */
export async function packAll(folder: string): Promise<Packed[]> {
  const workspaces = publishedRooms.flatMap(room => ['-w', `packages/${room}`]);
  const printed = await run('npm', ['pack', '--json', '--pack-destination', folder, ...workspaces], { cwd: repoRoot });
  // What a script of the packages prints comes before the result; npm has listed the packages, and named them by turns.
  const result = JSON.parse(printed.slice(printed.search(/^[[{]/m))) as NpmPacked[] | Record<string, NpmPacked>;
  return Object.values(result).map(({ name, filename, size, unpackedSize, files }) => ({
    name,
    tarball: join(folder, filename.replace('@', '').replace('/', '-')),
    size,
    unpackedSize,
    files: files.map(file => file.path),
  }));
}
