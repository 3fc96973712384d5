/** The longest header that is looked at, in characters: room for a certificate and its chain. */
export const MAX_XFCC_LENGTH = 32_768;

/** One element: what one proxy says of the certificate that its client showed. Keys are in lower case. */
export type XfccElement = ReadonlyMap<string, readonly string[]>;

const KEYS: ReadonlySet<string> = new Set(['by', 'hash', 'cert', 'chain', 'subject', 'uri', 'dns']);
const REPEATED: ReadonlySet<string> = new Set(['by', 'uri', 'dns']);

const KEY = /([A-Za-z]{1,16})=/y;
/** Printable ASCII but for `"`, `,`, `;` and the backslash; may be empty, as Envoy writes what a certificate lacks. */
const PLAIN_VALUE = /[!#-+\--:<-[\]-~]*/y;
/** In quotes a backslash takes the next character with it, as in the names of RFC 2253 that Envoy writes there. */
const QUOTED_VALUE = /"((?:[ !#-[\]-~]|\\[ -~])*)"/y;

/**
 * Reads Envoy's `x-forwarded-client-cert`: elements apart by commas, pairs `key=value` apart by semicolons, values in
 * double quotes where they hold one of these. Nothing that Envoy does not write is let through (no white space, no
 * unknown key, nothing behind a closing quote, no second `Hash`, `Cert`, `Chain` or `Subject` in an element), so that a
 * client can't write a beginning that swallows what its proxy adds behind it.
 *
 * @returns the elements, in the order of the header; nothing if it is malformed or longer than 32 KiB
 */
export function parseXfcc(header: string): XfccElement[] | undefined {
  if (header.length > MAX_XFCC_LENGTH) return undefined;
  const elements: XfccElement[] = [];
  let element = new Map<string, string[]>();
  for (let at = 0; ; at++) {
    const key = match(KEY, header, at);
    if (key === undefined) return undefined;
    const name = (key[1] as string).toLowerCase();
    const values = element.get(name) ?? [];
    if (!KEYS.has(name) || (values.length > 0 && !REPEATED.has(name))) return undefined;
    at += key[0].length;
    const value = header[at] === '"' ? match(QUOTED_VALUE, header, at) : match(PLAIN_VALUE, header, at);
    if (value === undefined) return undefined;
    at += value[0].length;
    values.push(value[1]?.replace(/\\(.)/g, '$1') ?? value[0]);
    element.set(name, values);
    const next = header[at];
    if (next === ';') continue;
    elements.push(element);
    if (next === undefined) return elements;
    if (next !== ',') return undefined;
    element = new Map();
  }
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}
