import type { Issued } from './issued.ts';

/**
 * Judges without any of the code that it judges. Of a message it only knows that fields are tagged and prefixed by their
 * length, of a credential only whether it is, byte by byte, one of those that were issued.
 */
export function mayOpen(authorizations: readonly Buffer[], issued: readonly Issued[], atSeconds: number): Issued[] {
  return issued.filter(
    ({ token, validFrom, validUntil }) =>
      atSeconds >= validFrom &&
      atSeconds < validUntil &&
      authorizations.some(
        value =>
          /^bearer +$/i.test(value.subarray(0, value.length - token.length).toString('latin1')) &&
          value.subarray(value.length - token.length).equals(Buffer.from(token)),
      ),
  );
}

/** All values of a protobuf message at a path of field numbers, read as leniently as any reader could. */
export function valuesAt(message: Buffer, [field, ...path]: readonly number[]): Buffer[] {
  const values = fieldsOf(message)
    .filter(([number]) => number === field)
    .map(([, value]) => value);
  return path.length === 0 ? values : values.flatMap(value => valuesAt(value, path));
}

/** Length-delimited fields as far as the message can be read. */
function fieldsOf(message: Buffer): [number: number, value: Buffer][] {
  const fields: [number, Buffer][] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) return Number.NaN;
      // Readers keep 32 bits of a tag or a length.
      if (shift < 35) value = (value + (byte & 0x7f) * 2 ** shift) % 2 ** 32;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < message.length) {
    const tag = varint();
    if (Number.isNaN(tag)) break;
    const [number, type] = [Math.floor(tag / 8), tag % 8];
    if (type === 0) varint();
    else if (type === 1) at += 8;
    else if (type === 5) at += 4;
    else if (type === 2) {
      const length = varint();
      if (Number.isNaN(length) || at + length > message.length) break;
      fields.push([number, message.subarray(at, at + length)]);
      at += length;
    } else if (type !== 3 && type !== 4) break;
  }
  return fields;
}

const ATTRIBUTES = 1;
const HTTP = [ATTRIBUTES, 4, 2] as const;

/**
 * What a CheckRequest (envoy/service/auth/v3) holds under `authorization`, in either of its two forms. Readers disagree on
 * what a broken message still holds (a group that ends nowhere, a length beyond the end), so in one that names the header
 * any text with a length before it counts.
 */
export function authorizationsOf(request: Buffer): Buffer[] {
  if (!request.includes('authorization')) return [];
  const entries = valuesAt(request, [...HTTP, 3]).map(entry => [entry, 2] as const);
  const raw = valuesAt(request, [...HTTP, 13, 1]).flatMap(entry => [[entry, 3] as const, [entry, 2] as const]);
  const regular = [...entries, ...raw]
    .filter(([entry]) => valuesAt(entry, [1]).some(key => key.toString('latin1') === 'authorization'))
    .flatMap(([entry, field]) => valuesAt(entry, [field]));
  return regular.length > 0 ? regular : textsAnywhere(request, /bearer +[\w-]+\.[\w-]+\.[\w-]+/gi);
}

/** Texts of such a form that have exactly their length before them. */
function textsAnywhere(message: Buffer, form: RegExp): Buffer[] {
  const found: Buffer[] = [];
  for (const { index } of message.toString('latin1').matchAll(form)) {
    for (let bytes = 1; bytes <= 5 && bytes <= index; bytes++) {
      const prefix = message.subarray(index - bytes, index);
      const continues = prefix.every((byte, at) => byte >= 0x80 === at < bytes - 1);
      const length = prefix.reduce((value, byte, at) => value + (byte & 0x7f) * 2 ** (7 * at), 0);
      if (continues && index + length <= message.length) found.push(message.subarray(index, index + length));
    }
  }
  return found;
}

export function pathsOf(request: Buffer): string[] {
  const regular = valuesAt(request, [...HTTP, 4]);
  const paths = regular.length > 0 ? regular : textsAnywhere(request, /\/(v1\/|opentelemetry\.)/g);
  return paths.map(path => path.toString('latin1'));
}

/** Paths for which a piped that may send traces, and nothing else, may be let in. */
export function isTracesPath(path: string): boolean {
  return /^(\/v1\/traces|\/opentelemetry\.proto\.collector\.trace\.v1\.TraceService\/Export)(\?|$)/.test(path);
}

/** Whether Envoy would take a CheckResponse for an allow: its status is OK, or absent. */
export function isAllow(response: Buffer): boolean {
  const [status] = valuesAt(response, [1]);
  return status === undefined || status.length === 0 || status[0] !== 0x08 || status[1] === 0;
}
