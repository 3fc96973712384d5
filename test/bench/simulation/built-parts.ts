import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { KeyRecord } from '@spanpass/credential';
import { repoRoot } from '../../engines/root.ts';

/** What the simulation needs of the auth server's queue of look-ups. */
export interface WorkQueueLike {
  readonly isFull: boolean;
  readonly running: number;
  readonly waiting: number;
  run<T>(task: () => Promise<T>): Promise<T>;
}

export interface SinkLike {
  write(frame: Buffer): void;
  readonly bufferedBytes: number;
  drained(): Promise<void>;
  end(): void;
  destroy(): void;
}

export interface ChangeLike {
  readonly revision: number;
  readonly at: Date;
  readonly body: unknown;
}

/** What it needs of the control plane's change feed. */
export interface ChangeFeedLike {
  start(revision: number): void;
  pump(): Promise<void>;
  open(since: number | undefined): Promise<(sink: SinkLike) => { live: Promise<void> }>;
  close(): Promise<void>;
}

export interface ChangeFeedSettings {
  readonly pollMs: number;
  readonly heartbeatMs: number;
  readonly maxFollowers: number;
  readonly maxBufferedBytes: number;
  read(
    after: number,
    limit: number,
  ): Promise<{ readonly kind: 'page'; readonly revision: number; readonly changes: readonly ChangeLike[] }>;
  readonly clock: () => number;
  onReadable(error: unknown): void;
}

/** The parts themselves, as they are built: packages export what others use, and these are none of their business. */
export async function workQueue(maxRunning: number, maxWaiting: number): Promise<WorkQueueLike> {
  const { WorkQueue } = (await built('server', 'keys/work-queue')) as {
    WorkQueue: new (maxRunning: number, maxWaiting: number) => WorkQueueLike;
  };
  return new WorkQueue(maxRunning, maxWaiting);
}

export async function changeFeed(settings: ChangeFeedSettings): Promise<ChangeFeedLike> {
  const { ChangeFeed } = (await built('control-plane', 'feed/change-feed')) as {
    ChangeFeed: new (settings: ChangeFeedSettings) => ChangeFeedLike;
  };
  return new ChangeFeed(settings);
}

export interface KeyMemory {
  readonly cache: {
    get(kid: string): KeyRecord | undefined;
    put(kid: string, record: KeyRecord): void;
  };
  compactRecord(record: KeyRecord): KeyRecord;
}

/** Where the auth server keeps so many key records, and how. */
export async function keyMemory(maxRecords: number): Promise<KeyMemory> {
  const { KeyCache } = (await built('server', 'keys/key-cache')) as {
    KeyCache: new (options: object) => KeyMemory['cache'];
  };
  const { compactRecord } = (await built('server', 'keys/compact-record')) as Pick<KeyMemory, 'compactRecord'>;
  const cache = new KeyCache({ maxRecords, maxUnknown: 1, unknownTtlMs: 1000, clock: () => performance.now() });
  return { cache, compactRecord };
}

function built(room: string, module: string): Promise<unknown> {
  return import(pathToFileURL(join(repoRoot, 'packages', room, 'dist', `${module}.js`)).href);
}
