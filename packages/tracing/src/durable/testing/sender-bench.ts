import type { Refused, Retry, Unauthenticated } from '../sender/outcome.ts';
import type { SpoolSenderOptions } from '../sender/sender-options.ts';
import { SpoolSender } from '../sender/spool-sender.ts';
import type { Spool } from '../spool/spool.ts';
import type { SpoolOptions } from '../spool/spool-options.ts';
import type { FakeClock } from './fake-clock.ts';
import { type RecordingLog, until } from './scratch.ts';
import { ScriptedTransport } from './scripted-transport.ts';
import { SpoolBench } from './spool-bench.ts';

export const UNAVAILABLE: Retry = { kind: 'retry', reason: 'gRPC UNAVAILABLE', message: 'no' };
export const UNAUTHENTICATED: Unauthenticated = {
  kind: 'unauthenticated',
  reason: 'gRPC UNAUTHENTICATED',
  message: 'expired: the credential has expired',
  clockIsOff: false,
};
export const DENIED: Refused = { kind: 'denied', reason: 'gRPC PERMISSION_DENIED', message: 'piped_disabled: …' };
export const REJECTED: Refused = { kind: 'rejected', reason: 'gRPC INVALID_ARGUMENT', message: 'bad' };
export const FAILED: Refused = { kind: 'failed', reason: 'HTTP 500', message: 'oops' };

export const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

/** A spool and its sender, on a clock that stands still, with a receiver that answers as a test says. */
export class SenderBench implements AsyncDisposable {
  readonly transport = new ScriptedTransport();
  spool: Spool;
  sender: SpoolSender | undefined;
  readonly #bench = new SpoolBench();

  constructor() {
    this.spool = this.#bench.open();
  }

  get folder(): string {
    return this.#bench.folder;
  }

  get clock(): FakeClock {
    return this.#bench.clock;
  }

  get log(): RecordingLog {
    return this.#bench.log;
  }

  start(options: Partial<SpoolSenderOptions> = {}): SpoolSender {
    const { spool, transport, clock, log } = this;
    // A jitter of one half: every wait is three quarters of its bound.
    this.sender = new SpoolSender({ spool, transport, clock, log, random: () => 0.5, ...options });
    return this.sender;
  }

  async reopenSpool(options: Partial<SpoolOptions> = {}): Promise<void> {
    await this.spool.close();
    this.spool = this.#bench.open(options);
  }

  /** Records whose texts are numbers. */
  append(from: number, to = from): void {
    for (let i = from; i <= to; i++) this.spool.append('traces', Buffer.from(`${i};`));
  }

  async requests(count: number): Promise<void> {
    await until(`${count} requests`, () => this.transport.requests.length === count);
  }

  async idle(): Promise<void> {
    await until('nothing pending', () => this.spool.stats().pending.records === 0);
  }

  async waitsFor(reason: string): Promise<void> {
    await until(reason, () => {
      const state = this.sender?.state('traces');
      return state?.kind === 'waiting' && state.reason === reason;
    });
  }

  /** Ends it all, and answers how long the timers that are left would wait: none must be. */
  async close(): Promise<number[]> {
    await this.sender?.stop();
    await this.spool.close();
    return this.clock.waits;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    this.#bench[Symbol.dispose]();
  }
}
