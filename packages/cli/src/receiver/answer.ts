import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ExportResponseSchema, StatusSchema } from '../generated/otlp_pb.ts';
import type { Encoding, OtlpSignal } from './signals.ts';

export const CONTENT_TYPES: Readonly<Record<Encoding, string>> = Object.freeze({
  protobuf: 'application/x-protobuf',
  json: 'application/json',
});

const REJECTED: Readonly<Record<OtlpSignal, string>> = Object.freeze({
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
  logs: 'rejectedLogRecords',
});

/** A `google.rpc.Status` as OTLP/HTTP wants it: in the encoding of the request. */
export function encodeStatus(encoding: Encoding, code: number, message: string): Uint8Array {
  return encoding === 'json'
    ? Buffer.from(JSON.stringify({ code, message }))
    : toBinary(StatusSchema, create(StatusSchema, { code, message }));
}

/** An `Export…ServiceResponse`, which came in protobuf, in the encoding of the request. */
export function encodeResponse(encoding: Encoding, signal: OtlpSignal, response: Uint8Array): Uint8Array {
  if (encoding === 'protobuf') return response;
  const partialSuccess = parsePartialSuccess(response);
  const json = partialSuccess && {
    [REJECTED[signal]]: String(partialSuccess.rejected),
    errorMessage: partialSuccess.errorMessage,
  };
  return Buffer.from(JSON.stringify({ partialSuccess: json }));
}

/** What a backend accepted stays accepted, even where its answer can't be read. */
function parsePartialSuccess(response: Uint8Array) {
  try {
    return fromBinary(ExportResponseSchema, response).partialSuccess;
  } catch {
    return undefined;
  }
}
