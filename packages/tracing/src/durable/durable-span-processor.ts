import { TraceFlags } from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { MAX_TIMER_MS, wholeNumber } from './check.ts';
import type { SpoolSender } from './sender/spool-sender.ts';
import type { Spool } from './spool/spool.ts';

export interface DurableSpanProcessorOptions {
  readonly spool: Spool;
  /** Who sends, if this process does. Another one that shares the spool's folder may do it alone, once this one is gone. */
  readonly sender?: SpoolSender | undefined;
  /** How long `forceFlush` tries to send. Default 10,000. */
  readonly flushTimeoutMs?: number | undefined;
  /** How long `shutdown` tries to send. Default 5,000. */
  readonly shutdownTimeoutMs?: number | undefined;
}

/**
 * Stores each sampled span as it ends. When `span.end()` returns, the span is with the kernel, as an OTLP request of its
 * own with resource and scope: from then on only the disk can lose it. No span waits in memory.
 *
 * It owns the spool and the sender it is given: `shutdown` closes them, and what could not be sent until then is sent by
 * the next process that opens the folder. A resource whose attributes are still being detected is stored with those that
 * are known. Neither method rejects because of an unreachable gateway: the spans are safe.
 */
export class DurableSpanProcessor implements SpanProcessor {
  readonly #spool: Spool;
  readonly #sender: SpoolSender | undefined;
  readonly #flushTimeoutMs: number;
  readonly #shutdownTimeoutMs: number;
  #shutdown: Promise<void> | undefined;

  /** @throws TypeError */
  constructor({ spool, sender, flushTimeoutMs = 10_000, shutdownTimeoutMs = 5_000 }: DurableSpanProcessorOptions) {
    this.#spool = spool;
    this.#sender = sender;
    this.#flushTimeoutMs = wholeNumber('flushTimeoutMs', flushTimeoutMs, 0, MAX_TIMER_MS);
    this.#shutdownTimeoutMs = wholeNumber('shutdownTimeoutMs', shutdownTimeoutMs, 0, MAX_TIMER_MS);
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
    const payload = serialized(span);
    if (payload) this.#spool.append('traces', payload);
    else this.#spool.countDrop('unserializable', 'traces', 1);
  }

  async forceFlush(): Promise<void> {
    await this.#flush(this.#flushTimeoutMs);
  }

  async shutdown(): Promise<void> {
    this.#shutdown ??= this.#close();
    await this.#shutdown;
  }

  async #flush(timeoutMs: number): Promise<void> {
    await Promise.all([this.#spool.flush(), this.#sender?.flush({ timeoutMs })]);
  }

  async #close(): Promise<void> {
    await this.#flush(this.#shutdownTimeoutMs);
    await this.#sender?.stop();
    await this.#spool.close();
  }
}

function serialized(span: ReadableSpan): Uint8Array | undefined {
  try {
    return ProtobufTraceSerializer.serializeRequest([span]);
  } catch {
    return undefined;
  }
}
