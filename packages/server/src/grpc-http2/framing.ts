/** A gRPC message has a byte that says whether it is compressed, and four of its length, before it (PROTOCOL-HTTP2). */
const PREFIX_LENGTH = 5;

const framedAnswers = new WeakMap<Uint8Array, Buffer>();

/** The message with its prefix. Made once for each: most answers are given again and again. */
export function framed(message: Uint8Array): Buffer {
  let frame = framedAnswers.get(message);
  if (frame === undefined) {
    frame = Buffer.alloc(PREFIX_LENGTH + message.length);
    frame.writeUInt32BE(message.length, 1);
    frame.set(message, PREFIX_LENGTH);
    framedAnswers.set(message, frame);
  }
  return frame;
}

export type Unframed =
  | { readonly kind: 'message'; readonly message: Buffer }
  | { readonly kind: 'compressed' | 'incomplete' | 'too-many' };

/** The one message that the body of a unary call is. */
export function unframed(body: Buffer): Unframed {
  if (body.length < PREFIX_LENGTH) return { kind: 'incomplete' };
  if (body[0] !== 0) return { kind: 'compressed' };
  const end = PREFIX_LENGTH + body.readUInt32BE(1);
  if (body.length < end) return { kind: 'incomplete' };
  if (body.length > end) return { kind: 'too-many' };
  return { kind: 'message', message: body.subarray(PREFIX_LENGTH, end) };
}
