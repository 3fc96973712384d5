import { type Batch, decodeBatch } from './batch.ts';
import { type Outcome, refused } from './outcome.ts';
import type { Encoding, OtlpSignal } from './signals.ts';
import { type Identity, stamp } from './stamp.ts';

/** Takes a stamped batch, to keep it or to hand it on. */
export type Sink = (batch: Batch, identity: Identity) => Promise<Outcome> | Outcome;

export interface Export {
  readonly signal: OtlpSignal;
  readonly encoding: Encoding;
  readonly body: Uint8Array;
  readonly identity: Identity;
}

/** What a receiver does with an export once its sender is known: decode, stamp, hand on. Never rejects. */
export type Pipeline = (received: Export) => Promise<Outcome>;

export interface PipelineOptions {
  readonly sink: Sink;
  /** Told of what should not happen: the sink failed. */
  readonly onFault?: ((error: unknown) => void) | undefined;
  /** Told what became of each export. */
  readonly observe?: ((received: Export, outcome: Outcome) => void) | undefined;
}

export function createPipeline({ sink, onFault, observe }: PipelineOptions): Pipeline {
  return async received => {
    const outcome = await settle(received);
    observe?.(received, outcome);
    return outcome;
  };

  async function settle({ signal, encoding, body, identity }: Export): Promise<Outcome> {
    let batch: Batch;
    try {
      batch = decodeBatch(signal, encoding, body);
    } catch {
      return refused('malformed', `the body is not an export of ${signal} in OTLP's ${encoding}`);
    }
    try {
      stamp(batch, identity);
      return await sink(batch, identity);
    } catch (error) {
      onFault?.(error);
      return refused('internal', 'the export could not be handled');
    }
  }
}
