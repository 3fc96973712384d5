import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** The answer of a receiver that threw items away. */
export function partialSuccess(rejected: number, message: string): Buffer {
  const partial = new BinaryWriter();
  partial.tag(1, WireType.Varint).int64(rejected);
  partial.tag(2, WireType.LengthDelimited).string(message);
  return Buffer.from(new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(partial.finish()).finish());
}

/** A google.rpc.Status, with a RetryInfo detail if there is a delay. */
export function rpcStatus(code: number, message: string, retryDelay?: { seconds: number; nanos: number }): Buffer {
  const status = new BinaryWriter();
  status.tag(1, WireType.Varint).int32(code);
  status.tag(2, WireType.LengthDelimited).string(message);
  if (retryDelay) {
    const duration = new BinaryWriter();
    duration.tag(1, WireType.Varint).int64(retryDelay.seconds);
    duration.tag(2, WireType.Varint).int32(retryDelay.nanos);
    const info = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(duration.finish());
    const any = new BinaryWriter();
    any.tag(1, WireType.LengthDelimited).string('type.googleapis.com/google.rpc.RetryInfo');
    any.tag(2, WireType.LengthDelimited).bytes(info.finish());
    status.tag(3, WireType.LengthDelimited).bytes(any.finish());
  }
  return Buffer.from(status.finish());
}
