import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** A number is a varint, a bigint a fixed64, a string or bytes (also a nested message) length-delimited. */
export type Field = readonly [fieldNumber: number, value: number | bigint | string | Uint8Array];

/** A protobuf message as a client that keeps to no schema would write it: any field, any number of times, in any order. */
export function message(...fields: readonly Field[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [fieldNumber, value] of fields) {
    if (typeof value === 'number') writer.tag(fieldNumber, WireType.Varint).int64(value);
    else if (typeof value === 'bigint') writer.tag(fieldNumber, WireType.Bit64).fixed64(value);
    else if (typeof value === 'string') writer.tag(fieldNumber, WireType.LengthDelimited).string(value);
    else writer.tag(fieldNumber, WireType.LengthDelimited).bytes(value);
  }
  return writer.finish();
}
