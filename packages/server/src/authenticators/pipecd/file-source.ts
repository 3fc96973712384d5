import { type FileHandle, open } from 'node:fs/promises';
import { FormatError, type Signal, scopesSchema } from '@spanpass/credential';
import { createSteadyClock } from '../../keys/steady-clock.ts';
import { wholeNumber } from '../../options.ts';
import { AuthenticationError } from '../../refusals.ts';
import type { PipedSource } from '../piped-source.ts';
import { type ExportedPiped, PIPECD_SCOPES, parsePipecdExport, pipedName } from './export.ts';
import type { PipecdRecord } from './record.ts';

export interface PipecdFileOptions {
  /** JSON list of PipeCD's `Piped` records. It holds password hashes: keep it from other users. */
  readonly path: string;
  /** The signals that these pipeds may send. Default `traces`, as in PipeCD. */
  readonly scopes?: readonly Signal[];
  /** How often to look for a change of the file, in milliseconds. Default 1000. */
  readonly pollMs?: number;
  /** How long the last good content serves while the file can't be read, in milliseconds. Default 900,000. */
  readonly maxStaleMs?: number;
  /** The longest file that is read, in bytes. Default 64 MiB. */
  readonly maxBytes?: number;
  /** The longest list that is taken. Default 100,000. */
  readonly maxPipeds?: number;
  /** Told when the file can't be read or is refused, once per cause. The message holds nothing of the content. */
  readonly onError?: (error: Error) => void;
  /** Steady clock, in milliseconds. */
  readonly clock?: () => number;
}

export interface PipecdFile extends PipedSource<PipecdRecord>, AsyncDisposable {
  /** Reads the file and follows it from then on. Rejects with the reason if it can't be read now. */
  start(): Promise<void>;
  /** Looks at the file now. Resolves whatever comes of it; see `onError`. */
  reload(): Promise<void>;
}

/**
 * Records of pipeds out of a file. A new content replaces the old one as a whole; a bad one is refused, and the old one
 * stays for `maxStaleMs`. From then on look-ups are refused as `key_source_unavailable`.
 *
 * @throws TypeError if an option is out of its range
 */
export function pipecdFile(options: PipecdFileOptions): PipecdFile {
  const { path, onError, clock = createSteadyClock() } = options;
  if (path === '') throw new TypeError('path must not be empty');
  const scopes = checkedScopes(options.scopes ?? PIPECD_SCOPES);
  const pollMs = wholeNumber('pollMs', options.pollMs ?? 1000);
  const maxStaleMs = wholeNumber('maxStaleMs', options.maxStaleMs ?? 900_000, 0);
  const maxBytes = wholeNumber('maxBytes', options.maxBytes ?? 64 * 1024 * 1024);
  const maxPipeds = wholeNumber('maxPipeds', options.maxPipeds ?? 100_000);

  let records: ReadonlyMap<string, PipecdRecord> | undefined;
  let goodAt = 0;
  let version = '';
  let refused: { readonly version: string; readonly error: FormatError } | undefined;
  let revision = 0;
  let lastProblem: string | undefined;
  let reading: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function read(): Promise<void> {
    const file = await open(path, 'r');
    try {
      const found = await versionOf(file);
      if (found === refused?.version) throw refused.error;
      if (found !== version) await take(file, found);
      goodAt = clock();
    } finally {
      await file.close();
    }
  }

  async function take(file: FileHandle, found: string): Promise<void> {
    try {
      records = replaced(parsePipecdExport(await readBounded(file, maxBytes), maxPipeds));
      version = found;
    } catch (error) {
      // Not to be read again each second.
      if (error instanceof FormatError) refused = { version: found, error };
      throw error;
    }
  }

  /** A record that did not change stays the same object, so that what was decided with it still holds. */
  function replaced(pipeds: readonly ExportedPiped[]): ReadonlyMap<string, PipecdRecord> {
    revision++;
    return new Map(
      pipeds.map(({ project, piped, disabled, hashes }) => {
        const pipedStatus = disabled ? 'disabled' : 'active';
        const old = records?.get(pipedName(project, piped));
        const same = old?.pipedStatus === pipedStatus && old.hashes.join() === hashes.join();
        const fresh = { project, piped, pipedStatus, projectStatus: 'active', scopes, hashes, revision } as const;
        return [pipedName(project, piped), same ? old : Object.freeze(fresh)];
      }),
    );
  }

  /** One read at a time: two could end in the wrong order. */
  function readOnce(): Promise<void> {
    reading ??= read()
      .then(() => {
        lastProblem = undefined;
      })
      .finally(() => {
        reading = undefined;
      });
    return reading;
  }

  async function reload(): Promise<void> {
    try {
      await readOnce();
    } catch (error) {
      const problem = describe(error);
      if (problem !== lastProblem) onError?.(new Error(`${path}: ${problem}`));
      lastProblem = problem;
    }
  }

  function follow(): void {
    timer = setTimeout(() => reload().finally(() => timer && follow()), pollMs);
    timer.unref();
  }

  const believed = () => (records !== undefined && clock() - goodAt <= maxStaleMs ? records : undefined);

  return {
    async start() {
      await readOnce().catch(error => {
        throw new Error(`${path}: ${describe(error)}`);
      });
      if (timer === undefined) follow();
    },
    reload,
    peek: (project, piped) => believed()?.get(pipedName(project, piped)),
    lookup(project, piped) {
      const current = believed();
      if (current === undefined) throw new AuthenticationError('key_source_unavailable');
      return current.get(pipedName(project, piped));
    },
    async [Symbol.asyncDispose]() {
      clearTimeout(timer);
      timer = undefined;
      await reading?.catch(() => {});
    },
  };
}

function checkedScopes(scopes: readonly Signal[]): readonly Signal[] {
  const parsed = scopesSchema.safeParse(scopes);
  if (!parsed.success) throw new TypeError('scopes must be a list of signals');
  return Object.freeze(parsed.data);
}

/** Tells contents apart: a new file under the name, or new content in the same one. */
async function versionOf(file: FileHandle): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join();
}

async function readBounded(file: FileHandle, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of file.createReadStream({ autoClose: false })) {
    length += chunk.length;
    if (length > maxBytes) throw new FormatError('invalid_format', `longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What the operator may read: nothing of the content, which could be a part of a hash. */
function describe(error: unknown): string {
  if (error instanceof FormatError) return error.message;
  return `can not be read (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`;
}
