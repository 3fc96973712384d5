import { constants, type ServerHttp2Stream } from 'node:http2';
import { framed, unframed } from './framing.ts';

const { NGHTTP2_NO_ERROR } = constants;

/** https://grpc.io/docs/guides/status-codes/ */
export const STATUS = {
  ok: 0,
  invalidArgument: 3,
  notFound: 5,
  resourceExhausted: 8,
  unimplemented: 12,
  unavailable: 14,
} as const;

const RESPONSE = Object.freeze({ ':status': 200, 'content-type': 'application/grpc+proto' });
/** No date: it would be made, sent and read for each answer, and nobody looks at it. */
const WITH_TRAILERS = Object.freeze({ waitForTrailers: true, sendDate: false });
const LAST = Object.freeze({ endStream: true, sendDate: false });
const OK = Object.freeze({ 'grpc-status': '0' });

/** Ends a call with a status and no message. `text` is ours, and printable ASCII. */
export function fail(stream: ServerHttp2Stream, status: number, text: string): void {
  if (stream.destroyed || stream.closed) return;
  if (stream.headersSent) stream.close();
  else {
    stream.respond(
      { ...RESPONSE, 'grpc-status': String(status), 'grpc-message': text, 'grpc-accept-encoding': 'identity' },
      LAST,
    );
  }
  leave(stream);
}

/** Ends a call with its one message, and the status OK behind it. */
export function succeed(stream: ServerHttp2Stream, message: Uint8Array): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond(RESPONSE, WITH_TRAILERS);
  stream.on('wantTrailers', sendOk);
  stream.end(framed(message));
}

function sendOk(this: ServerHttp2Stream): void {
  this.sendTrailers(OK);
}

/** Begins an answer of any number of messages. */
export function begin(stream: ServerHttp2Stream): void {
  stream.respond(RESPONSE, WITH_TRAILERS);
}

/** The rest of what is being sent is not waited for. */
function leave(stream: ServerHttp2Stream): void {
  if (!stream.readableEnded) stream.close(NGHTTP2_NO_ERROR);
}

/** Reads a unary call's message, up to `maxBytes`; a call that brings anything else is ended with a status. */
export function readMessage(stream: ServerHttp2Stream, maxBytes: number, take: (message: Buffer) => void): void {
  let first: Buffer | undefined;
  let rest: Buffer[] | undefined;
  let length = 0;
  stream.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > maxBytes + 5) {
      first = undefined;
      rest = undefined;
      fail(stream, STATUS.resourceExhausted, 'the message is too large');
    } else if (first === undefined) first = chunk;
    else if (rest === undefined) rest = [first, chunk];
    else rest.push(chunk);
  });
  stream.on('end', () => {
    if (length > maxBytes + 5 || stream.aborted) return;
    const body = unframed(rest === undefined ? (first ?? Buffer.alloc(0)) : Buffer.concat(rest, length));
    if (body.kind === 'message') take(body.message);
    else if (body.kind === 'compressed') fail(stream, STATUS.unimplemented, 'compressed messages are not read');
    else
      fail(stream, STATUS.invalidArgument, body.kind === 'incomplete' ? 'no whole message' : 'more than one message');
  });
}
