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

export function createPipeline(sink: Sink, onFault: (error: unknown) => void): Pipeline {
  return async ({ signal, encoding, body, identity }) => {
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
      onFault(error);
      return refused('internal', 'the export could not be handled');
    }
  };
}
