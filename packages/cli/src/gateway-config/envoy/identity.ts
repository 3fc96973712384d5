/** The characters of a project or piped id; a bound on its length would exceed what Envoy allows a pattern's program. */
const idPattern = '[A-Za-z0-9._-]+';

/** Principals of RBAC that are there once both identity headers are. */
export function identified(...headers: readonly string[]) {
  return headers.map(name => ({ header: { name, string_match: { safe_regex: { regex: idPattern } } } }));
}
