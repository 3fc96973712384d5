import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/**
 * `google.rpc.Status` (google/rpc/status.proto), with a `google.rpc.RetryInfo` (error_details.proto) among its details where
 * `retryAfterSeconds` is given. Two messages of two fields: written here, since Envoy wants their bytes inside its configuration.
 */
export function statusBytes(code: number, message: string, retryAfterSeconds?: number): Uint8Array {
  const status = new BinaryWriter();
  status.tag(1, WireType.Varint).int32(code);
  status.tag(2, WireType.LengthDelimited).string(message);
  if (retryAfterSeconds !== undefined) {
    const duration = new BinaryWriter().tag(1, WireType.Varint).int64(retryAfterSeconds).finish();
    const retryInfo = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(duration).finish();
    const any = new BinaryWriter();
    any.tag(1, WireType.LengthDelimited).string('type.googleapis.com/google.rpc.RetryInfo');
    any.tag(2, WireType.LengthDelimited).bytes(retryInfo);
    status.tag(3, WireType.LengthDelimited).bytes(any.finish());
  }
  return status.finish();
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
