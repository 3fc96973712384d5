/** One server-sent event. */
export interface StreamEvent {
  /** `message` where the stream names none. */
  readonly type: string;
  readonly data: string;
  /** The last id that the stream gave, with this event or before it. */
  readonly lastEventId: string;
}

export interface EventStreamLimits {
  /** Longest line, in bytes. Default 64 KiB. */
  readonly maxLineBytes?: number;
  /** Most data of one event, in characters. Default 64 Ki. */
  readonly maxDataLength?: number;
}

/** The stream broke the format or a bound; nothing that follows can be trusted. */
export class EventStreamError extends Error {
  override readonly name = 'EventStreamError';
}

const LF = 10;
const CR = 13;

/** Reads `text/event-stream` (WHATWG HTML, section 9.2.6) as bytes arrive, cut anywhere. */
export class EventStreamParser {
  readonly #maxLineBytes: number;
  readonly #maxDataLength: number;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #rest: Buffer = Buffer.alloc(0);
  #afterCr = false;
  #firstLine = true;
  #type = '';
  #data = '';
  #hasData = false;
  #lastEventId = '';

  constructor({ maxLineBytes = 65_536, maxDataLength = 65_536 }: EventStreamLimits = {}) {
    this.#maxLineBytes = maxLineBytes;
    this.#maxDataLength = maxDataLength;
  }

  /**
   * The events that end within these bytes.
   *
   * @throws EventStreamError
   */
  push(bytes: Buffer): StreamEvent[] {
    const events: StreamEvent[] = [];
    const pending = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let start = 0;
    for (let at = this.#rest.length; at < pending.length; at++) {
      const byte = pending[at];
      if (byte !== LF && byte !== CR) {
        this.#afterCr = false;
        if (at - start >= this.#maxLineBytes) throw new EventStreamError('a line is too long');
        continue;
      }
      const secondHalfOfCrLf = byte === LF && this.#afterCr;
      this.#afterCr = byte === CR;
      if (!secondHalfOfCrLf) this.#line(this.#text(pending.subarray(start, at)), events);
      start = at + 1;
    }
    this.#rest = Buffer.from(pending.subarray(start));
    return events;
  }

  #text(line: Buffer): string {
    try {
      const text = this.#decoder.decode(line);
      const afterBom = this.#firstLine && text.startsWith('\uFEFF') ? text.slice(1) : text;
      this.#firstLine = false;
      return afterBom;
    } catch {
      throw new EventStreamError('a line is not UTF-8');
    }
  }

  #line(line: string, events: StreamEvent[]): void {
    if (line === '') {
      this.#dispatch(events);
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'event') this.#type = value;
    else if (field === 'id' && !value.includes('\0')) this.#lastEventId = value;
    else if (field === 'data') {
      if (this.#data.length + value.length >= this.#maxDataLength) throw new EventStreamError('an event is too large');
      this.#data = this.#hasData ? `${this.#data}\n${value}` : value;
      this.#hasData = true;
    }
  }

  #dispatch(events: StreamEvent[]): void {
    if (this.#hasData) events.push({ type: this.#type || 'message', data: this.#data, lastEventId: this.#lastEventId });
    this.#type = '';
    this.#data = '';
    this.#hasData = false;
  }
}
