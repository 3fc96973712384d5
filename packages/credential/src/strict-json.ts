const COLON = 0x3a;
const QUOTE = 0x22;

/**
 * `JSON.parse` for hostile input: the text must be one object, and no object in it may name a member twice. Parsers
 * disagree on which of two equal members counts (RFC 8259 section 4), and that disagreement is an attack.
 *
 * @throws SyntaxError
 */
export function parseStrictObject(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SyntaxError('not a JSON object');
  refuseDuplicateMembers(text, value);
  return value as Record<string, unknown>;
}

/** Each member has one colon in the text, of equal ones one is left in the value. The text is known to be valid JSON. */
function refuseDuplicateMembers(text: string, value: object): void {
  if (membersWritten(text) !== membersOf(value)) throw new SyntaxError('a member is named twice');
}

function membersWritten(text: string): number {
  let members = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === COLON) members++;
    else if (code === QUOTE) at = endOfString(text, at);
  }
  return members;
}

/** Its own, and those of all objects in it; however deep they lie. */
function membersOf(value: object): number {
  let members = 0;
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop() as object;
    const inside = Object.values(next);
    if (!Array.isArray(next)) members += inside.length;
    for (const item of inside) if (typeof item === 'object' && item !== null) open.push(item);
  }
  return members;
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

/** Behind an odd number of backslashes. */
function isEscaped(text: string, at: number): boolean {
  let before = at;
  while (text[before - 1] === '\\') before--;
  return (at - before) % 2 === 1;
}
