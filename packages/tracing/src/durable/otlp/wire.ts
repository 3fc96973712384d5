import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** One field of a protobuf message: its bytes if it is length-delimited, else its number. */
export interface WireField {
  readonly no: number;
  readonly bytes: Uint8Array | undefined;
  readonly number: bigint;
}

const NONE = 0n;

/**
 * The fields of a message, in their order, known or not. Groups are skipped.
 *
 * @throws Error if these bytes are no message
 */
export function* fieldsOf(message: Uint8Array): Generator<WireField> {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [no, type] = reader.tag();
    switch (type) {
      case WireType.LengthDelimited:
        yield { no, bytes: reader.bytes(), number: NONE };
        break;
      case WireType.Varint:
        yield { no, bytes: undefined, number: BigInt(reader.uint64()) };
        break;
      case WireType.Bit64:
        yield { no, bytes: undefined, number: BigInt(reader.fixed64()) };
        break;
      case WireType.Bit32:
        yield { no, bytes: undefined, number: BigInt(reader.fixed32()) };
        break;
      default:
        reader.skip(type, no);
    }
  }
}

/** All the messages under one repeated field. */
export function* messagesAt(message: Uint8Array, no: number): Generator<Uint8Array> {
  for (const field of fieldsOf(message)) {
    if (field.no === no && field.bytes) yield field.bytes;
  }
}

/** The last one wins, as protobuf wants it of a field that is not repeated. */
export function lastAt(message: Uint8Array, no: number): WireField | undefined {
  let found: WireField | undefined;
  for (const field of fieldsOf(message)) if (field.no === no) found = field;
  return found;
}

export function textAt(message: Uint8Array, no: number): string {
  const bytes = lastAt(message, no)?.bytes;
  return bytes ? Buffer.from(bytes).toString('utf8') : '';
}
