import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SignalKind } from '../signals.ts';
import { errorCodeOf } from './files.ts';
import { parseIdentity } from './process-identity.ts';
import { Segment } from './segment.ts';
import { parseSegmentFileName } from './segment-name.ts';

/** What waits in one segment of a spool folder. */
export interface PendingSegment {
  readonly kind: SignalKind;
  readonly createdAtMs: number;
  /** Of the process that it belongs to, or belonged to; undefined if that is not known any more. */
  readonly pid: number | undefined;
  readonly records: number;
  readonly items: number;
  readonly bytes: number;
}

/** Looks at a spool folder from the outside, without taking anything over: oldest first, what is done left out. */
export async function pendingIn(folder: string): Promise<PendingSegment[]> {
  const segments = join(folder, 'segments');
  const pending: PendingSegment[] = [];
  for (const file of (await filesIn(segments)).sort()) {
    const name = parseSegmentFileName(file);
    const segment = name && (await goneIsUndefined(Segment.adopt(segments, name)));
    if (!segment || segment.isDone) continue;
    const { kind, createdAtMs, pendingRecords: records, pendingItems: items, pendingBytes: bytes } = segment;
    pending.push({ kind, createdAtMs, pid: await pidOf(folder, name.owner), records, items, bytes });
  }
  return pending;
}

async function pidOf(folder: string, owner: string): Promise<number | undefined> {
  const text = await goneIsUndefined(readFile(join(folder, 'owners', `${owner}.owner`), 'utf8'));
  return text === undefined ? undefined : parseIdentity(text)?.pid;
}

async function filesIn(folder: string): Promise<string[]> {
  return (await goneIsUndefined(readdir(folder))) ?? [];
}

async function goneIsUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
