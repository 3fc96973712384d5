import type { Outcome } from '../receiver/outcome.ts';
import type { OtlpSignal } from '../receiver/signals.ts';
import { grpcForwarder } from './grpc.ts';
import { httpForwarder } from './http.ts';
import type { ForwardTarget } from './target.ts';

/** Hands batches to a backend; its answer becomes the sender's. Never rejects. */
export interface Forwarder {
  forward(signal: OtlpSignal, body: Uint8Array): Promise<Outcome>;
  close(): void;
}

/** How long a backend has, in milliseconds: less than the 10 s after which exporters give up. */
const DEFAULT_TIMEOUT_MS = 8_000;

export function createForwarder(target: ForwardTarget, timeoutMs: number = DEFAULT_TIMEOUT_MS): Forwarder {
  return target.protocol === 'http' ? httpForwarder(target, timeoutMs) : grpcForwarder(target, timeoutMs);
}
