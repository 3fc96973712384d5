import { status as Grpc } from '@grpc/grpc-js';
import { type Outcome, refused } from '../receiver/outcome.ts';
import { OTLP_SIGNALS, type OtlpSignal } from '../receiver/signals.ts';
import type { Forwarder } from './forwarder.ts';
import type { ForwardTarget } from './target.ts';

const MAX_ANSWER_BYTES = 64 * 1024;
/** OTLP 1.x, "Failures: Retryable Response Codes". */
const RETRYABLE = new Set([429, 502, 503, 504]);

/** Sends batches on over OTLP/HTTP, in protobuf. */
export function httpForwarder(target: ForwardTarget, timeoutMs: number): Forwarder {
  const paths = new Map(OTLP_SIGNALS.map(({ name, httpPath }) => [name, httpPath]));
  return {
    forward: (signal, body) => post(`${target.baseUrl}${paths.get(signal)}`, signal, body, timeoutMs),
    close() {},
  };
}

async function post(url: string, signal: OtlpSignal, body: Uint8Array, timeoutMs: number): Promise<Outcome> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: body as Uint8Array<ArrayBuffer>,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const answer = await readBounded(response);
    if (response.ok) return { kind: 'accepted', response: isProtobuf(response) ? answer : new Uint8Array() };
  } catch {
    return refused('unavailable', 'the backend does not answer');
  }
  return refusedByBackend(response, signal);
}

function refusedByBackend({ status, headers }: Response, signal: OtlpSignal): Outcome {
  if (RETRYABLE.has(status)) {
    const retryAfterSeconds = Number(headers.get('retry-after') ?? Number.NaN);
    return {
      kind: 'refused',
      code: Grpc.UNAVAILABLE,
      httpStatus: status,
      message: `the backend answered ${status}; try again`,
      ...(retryAfterSeconds >= 0 && retryAfterSeconds <= 3600 && { retryAfterSeconds }),
    };
  }
  if (status === 400) return refused('malformed', 'the backend could not read this export (400)');
  if (status === 413) return refused('too_large', 'the backend takes no export as large as this (413)');
  // Its 401 is about our credential at the backend, not about the sender's here.
  return refused('internal', `the backend refused these ${signal} for good (${status})`);
}

async function readBounded(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) return new Uint8Array();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function isProtobuf(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('application/x-protobuf') ?? false;
}
