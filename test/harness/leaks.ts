/** Something that no output may hold, and what to call it. */
export interface Secret {
  readonly name: string;
  readonly value: string;
}

export interface Output {
  readonly name: string;
  readonly text: string;
}

/** A run of this many characters of a secret is a part that could be recognised, and made use of. */
const PART_LENGTH = 16;

/**
 * Where secrets are in outputs: as they are, in base64 (wherever they begin in what was encoded), base64url, hexadecimal
 * or percent-encoded, whole or in any run of 16 characters. The finding names secret and output, and shows neither.
 */
export function leaksIn(outputs: readonly Output[], secrets: readonly Secret[]): string[] {
  const parts = new Map<string, string>();
  for (const { name, value } of secrets) {
    if (value.length < PART_LENGTH) throw new RangeError(`${name} is too short to be looked for`);
    for (const form of formsOf(value)) {
      for (let at = 0; at + PART_LENGTH <= form.length; at++) parts.set(form.slice(at, at + PART_LENGTH), name);
    }
  }
  const leaks = new Set<string>();
  for (const { name, text } of outputs) {
    for (let at = 0; at + PART_LENGTH <= text.length; at++) {
      const secret = parts.get(text.slice(at, at + PART_LENGTH));
      if (secret !== undefined) leaks.add(`${secret} in ${name}`);
    }
  }
  return [...leaks];
}

function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  // Whatever stands before it shifts base64 by one of three; the letters at both ends depend on the neighbours.
  const encoded = [0, 1, 2].map(shift =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '')
      .slice(shift === 0 ? 0 : shift + 1, -1),
  );
  return [
    value,
    ...encoded,
    ...encoded.map(text => text.replaceAll('+', '-').replaceAll('/', '_')),
    bytes.toString('hex'),
    encodeURIComponent(value),
  ];
}
