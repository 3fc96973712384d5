import type { EventEmitter } from 'node:events';

/** What a pool needs of `node:child_process`'s ChildProcess. */
export interface WorkerProcess extends Pick<EventEmitter, 'on' | 'once'> {
  readonly pid?: number | undefined;
  readonly connected: boolean;
  send(message: object, done?: (error: Error | null) => void): boolean;
  kill(signal: NodeJS.Signals): boolean;
}

/** What a pool tells a worker. `start` comes first; what else it holds is between those who made both. */
export type ToWorker =
  | ({ readonly kind: 'start'; readonly slot: number } & Readonly<Record<string, unknown>>)
  | ({ readonly kind: 'reload' } & Readonly<Record<string, unknown>>)
  | { readonly kind: 'ask'; readonly id: number; readonly what: 'ready' | 'metrics' }
  | { readonly kind: 'stop' };

/** What a worker tells its pool. */
export type FromWorker =
  /** It listens to what it is told: what came before that, node:cluster has dropped. */
  | { readonly kind: 'here' }
  | { readonly kind: 'started'; readonly addresses: WorkerAddresses }
  /** It can't start, and why, in one line. */
  | { readonly kind: 'failed'; readonly problem: string; readonly exitCode: 1 | 2 }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown };

/** `host:port` each. */
export interface WorkerAddresses {
  readonly grpcAddress: string;
  readonly httpAddress?: string;
}

/** A worker can't start. Says why in one line. */
export class WorkerStartError extends Error {
  override readonly name = 'WorkerStartError';
  /** As a command would end: 1 failed, 2 wrong usage. */
  readonly exitCode: 1 | 2;

  constructor(problem: string, exitCode: 1 | 2) {
    super(problem);
    this.exitCode = exitCode;
  }
}
