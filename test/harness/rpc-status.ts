import { BinaryReader } from '@bufbuild/protobuf/wire';

/** google.rpc.Status; `retryAfterSeconds` is from a RetryInfo among its details. */
export interface RpcStatus {
  readonly code: number;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

/** Decodes an OTLP/HTTP error body; throws where the body isn't what its content type says. */
export function decodeStatus(body: Uint8Array, contentType: string): RpcStatus {
  if (contentType.startsWith('application/json')) return JSON.parse(Buffer.from(body).toString('utf8')) as RpcStatus;
  if (contentType.startsWith('application/x-protobuf')) return decodeStatusBytes(body);
  throw new Error(`an error body of type '${contentType}': ${Buffer.from(body).toString('latin1')}`);
}

/** From protobuf bytes, as in a body or in `grpc-status-details-bin`. */
export function decodeStatusBytes(bytes: Uint8Array): RpcStatus {
  const fields = readFields(bytes);
  const any = fields.get(3);
  const status = { code: Number(fields.get(1) ?? 0), message: asText(fields.get(2)) };
  if (!(any instanceof Uint8Array)) return status;
  const details = readFields(any);
  if (asText(details.get(1)) !== 'type.googleapis.com/google.rpc.RetryInfo') return status;
  const duration = readFields(readFields(details.get(2) as Uint8Array).get(1) as Uint8Array);
  return { ...status, retryAfterSeconds: Number(duration.get(1) ?? 0) };
}

/** Varints and length-delimited fields, the last of each number. */
function readFields(bytes: Uint8Array): Map<number, number | Uint8Array> {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, number | Uint8Array>();
  while (reader.pos < reader.len) {
    const [fieldNumber, wireType] = reader.tag();
    if (wireType === 0) fields.set(fieldNumber, Number(reader.int64()));
    else if (wireType === 2) fields.set(fieldNumber, reader.bytes());
    else throw new Error(`field ${fieldNumber} has wire type ${wireType}`);
  }
  return fields;
}

function asText(value: number | Uint8Array | undefined): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : '';
}
