/**
 * `JSON.parse` for hostile input: the text must be one object, and no object in it may name a member twice. Parsers
 * disagree on which of two equal members counts (RFC 8259 section 4), and that disagreement is an attack.
 *
 * @throws SyntaxError
 */
export function parseStrictObject(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SyntaxError('not a JSON object');
  refuseDuplicateMembers(text);
  return value as Record<string, unknown>;
}

/** Walks a text that is known to be valid JSON. */
function refuseDuplicateMembers(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  let lastString = '';
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
        open.push(new Set());
        break;
      case '[':
        open.push(undefined);
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case '"': {
        const end = endOfString(text, at);
        lastString = text.slice(at, end + 1);
        at = end;
        break;
      }
      case ':': {
        const members = open.at(-1);
        const name: string = lastString.includes('\\') ? JSON.parse(lastString) : lastString.slice(1, -1);
        if (members?.has(name)) throw new SyntaxError('a member is named twice');
        members?.add(name);
        break;
      }
    }
  }
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
