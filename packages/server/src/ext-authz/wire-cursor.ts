const LENGTH_DELIMITED = 2;

/**
 * Goes from one length-delimited field of a protobuf message to the next, without making anything of them. Fields of all
 * other kinds are passed over. To look into a field, set `at` to `from` and go on with its `to` as the end.
 *
 * Each method throws a RangeError for what is no protobuf message; groups, which proto3 doesn't have, are none.
 */
export class WireCursor {
  readonly bytes: Buffer;
  at: number;
  /** The field found last: its number, and where its content begins and ends. */
  field = 0;
  from = 0;
  to = 0;

  /** All of it, each byte a character: to cut a piece from a string costs a tenth of decoding one. */
  #characters: string | undefined;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.at = 0;
  }

  /** Whether there is another field before `end`. */
  next(end: number): boolean {
    while (this.at < end) {
      const tag = this.#varint(end);
      const kind = tag & 7;
      if (tag < 8) throw malformed();
      if (kind === LENGTH_DELIMITED) {
        const length = this.#varint(end);
        this.field = tag >>> 3;
        this.from = this.at;
        this.to = this.at + length;
        this.at = this.to;
        if (this.to > end) throw malformed();
        return true;
      }
      this.#skip(kind, end);
    }
    return false;
  }

  /**
   * The content of the field found last, each byte a character, as Node.js reads headers. It may be a piece of a string
   * that holds the whole message, so it is not for keeping.
   */
  characters(): string {
    this.#characters ??= this.bytes.toString('latin1');
    return this.#characters.slice(this.from, this.to);
  }

  /** The content of the field found last, read as UTF-8. It holds on to nothing else. */
  text(): string {
    return this.bytes.toString('utf8', this.from, this.to);
  }

  /** Lengths and tags: up to 32 bits, and most of them of one byte. */
  #varint(end: number): number {
    const { at } = this;
    if (at >= end) throw malformed();
    const first = this.bytes[at] as number;
    this.at = at + 1;
    return first < 0x80 ? first : this.#longVarint(first & 0x7f, end);
  }

  #longVarint(first: number, end: number): number {
    let value = first;
    // Not a shift: what does not fit into 31 bits must come out as too long, not as negative.
    for (let factor = 0x80; factor <= 0x10000000; factor *= 0x80) {
      if (this.at >= end) throw malformed();
      const byte = this.bytes[this.at++] as number;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw malformed();
  }

  #skip(kind: number, end: number): void {
    if (kind === 0) this.#skipVarint(end);
    else if (kind === 1) this.at += 8;
    else if (kind === 5) this.at += 4;
    else throw malformed();
    if (this.at > end) throw malformed();
  }

  #skipVarint(end: number): void {
    for (let length = 1; length <= 10; length++) {
      if (this.at >= end) throw malformed();
      if ((this.bytes[this.at++] as number) < 0x80) return;
    }
    throw malformed();
  }
}

function malformed(): RangeError {
  return new RangeError('not a protobuf message');
}
