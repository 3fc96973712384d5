/** Where a claim stands: its name, or the names that lead to it through nested objects. A dot is part of a name. */
export type ClaimPath = string | readonly string[];

/**
 * Reads a path.
 *
 * @param name is named in the error
 * @throws TypeError if it is empty
 */
export function claimPath(name: string, path: ClaimPath): readonly string[] {
  const names = typeof path === 'string' ? [path] : path;
  if (!Array.isArray(names) || names.length === 0 || names.some(part => typeof part !== 'string' || part === '')) {
    throw new TypeError(`${name} must be the name of a claim, or a list of names that lead to it`);
  }
  return names;
}

/** What stands there, which may be anything; nothing, where there is nothing. */
export function claimAt(claims: Readonly<Record<string, unknown>>, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
      return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** The texts of a claim that lists some: a list, or one text with spaces between (RFC 8693 section 4.2). */
export function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.split(' ').filter(text => text !== '');
  return Array.isArray(value) ? value.filter(text => typeof text === 'string') : [];
}
