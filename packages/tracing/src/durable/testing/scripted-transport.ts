import type { Outcome } from '../sender/outcome.ts';
import type { Transport } from '../sender/transport.ts';
import type { SignalKind } from '../signals.ts';

export interface SentRequest {
  readonly kind: SignalKind;
  /** The records, where each is a text that ends with `;`. */
  readonly texts: readonly string[];
}

export const ACCEPTED: Outcome = { kind: 'accepted', rejectedItems: 0, message: '' };

/** A receiver that answers as a test says. */
export class ScriptedTransport implements Transport {
  readonly peer = 'scripted';
  readonly requests: SentRequest[] = [];
  closed = false;
  answer: (request: SentRequest, signal: AbortSignal) => Outcome | Promise<Outcome>;

  constructor(answer: ScriptedTransport['answer'] = () => ACCEPTED) {
    this.answer = answer;
  }

  async send(kind: SignalKind, payload: Buffer, signal: AbortSignal): Promise<Outcome> {
    const request = { kind, texts: payload.toString().split(';').slice(0, -1) };
    this.requests.push(request);
    return this.answer(request, signal);
  }

  close(): void {
    this.closed = true;
  }

  /** What was accepted, if the answer depends on the request alone. */
  get sizes(): number[] {
    return this.requests.map(request => request.texts.length);
  }
}
