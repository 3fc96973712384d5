import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import type { Clock } from '../clock.ts';
import type { RateLimitedLog } from '../log.ts';
import type { SignalKind } from '../signals.ts';
import type { BatchRecord } from '../spool/batch.ts';
import type { Outcome, Unauthenticated } from './outcome.ts';
import type { ExportCredentials, Transport } from './transport.ts';

/** A server whose clock is further away than this is not believed. */
const MAX_CORRECTION_MS = 15 * 60_000;
const INVALIDATE_MS = 10_000;

/** One attempt to send records: as one request, and once more at once with a fresh credential if the first was refused. */
export class Attempt {
  readonly #transport: Transport;
  readonly #credentials: ExportCredentials;
  readonly #clock: Clock;
  readonly #log: RateLimitedLog;
  requests = 0;

  constructor(transport: Transport, credentials: ExportCredentials, clock: Clock, log: RateLimitedLog) {
    this.#transport = transport;
    this.#credentials = credentials;
    this.#clock = clock;
    this.#log = log;
  }

  async send(kind: SignalKind, records: readonly BatchRecord[], signal: AbortSignal): Promise<Outcome> {
    // Export requests, one behind the other, are one export request: their fields repeat (protobuf encoding, merging).
    const [only, ...more] = records.map(record => record.payload);
    const payload = only && more.length === 0 ? only : Buffer.concat(records.map(record => record.payload));
    const first = await this.#request(kind, payload, signal);
    if (first.kind !== 'unauthenticated' || signal.aborted) return first;
    this.#correctClock(first);
    await this.#invalidate(first);
    return this.#request(kind, payload, signal);
  }

  /** Not traced, or each export would end as a span to export. */
  async #request(kind: SignalKind, payload: Buffer, signal: AbortSignal): Promise<Outcome> {
    this.requests++;
    const untraced = suppressTracing(ROOT_CONTEXT);
    try {
      return await context.with(untraced, () => this.#transport.send(kind, payload, signal));
    } catch (error) {
      return { kind: 'failed', reason: 'the transport failed', message: error instanceof Error ? error.name : '' };
    }
  }

  #correctClock({ clockIsOff, trustedDateMs }: Unauthenticated): void {
    if (!clockIsOff || trustedDateMs === undefined || !this.#credentials.correctClock) return;
    const offMs = trustedDateMs - this.#clock.now();
    const off = `${Math.round(Math.abs(offMs) / 1000)} s ${offMs < 0 ? 'ahead of' : 'behind'} the gateway's`;
    if (Math.abs(offMs) > MAX_CORRECTION_MS) {
      this.#log.error('clock', `this machine's clock is ${off}: too far to correct; set the clock`);
      return;
    }
    this.#log.warn('clock', `this machine's clock is ${off}: credentials are made by the gateway's from now on`);
    this.#credentials.correctClock(trustedDateMs);
  }

  async #invalidate({ authorization }: Unauthenticated): Promise<void> {
    let cancel = () => {};
    const tooLate = new Promise<void>(resolve => {
      cancel = this.#clock.after(INVALIDATE_MS, resolve);
    });
    try {
      const refused = { ...(authorization !== undefined && { authorization }) };
      await Promise.race([this.#credentials.invalidate?.(refused), tooLate]);
    } catch {
      this.#log.warn('invalidate', 'the credential source failed to drop a refused credential');
    } finally {
      cancel();
    }
  }
}
