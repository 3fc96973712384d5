import type { Owner } from './contract.ts';

/** What everybody behind the gateway believes: only what the server stamped. */
export const IDENTITY_HEADERS = Object.freeze({ project: 'x-spanpass-project', piped: 'x-spanpass-piped' });

const NAMES: ReadonlySet<string> = new Set(Object.values(IDENTITY_HEADERS));

/** The headers that say who a verified principal is. */
export function identityHeaders({ project, piped }: Owner): Record<string, string> {
  return { [IDENTITY_HEADERS.project]: project, [IDENTITY_HEADERS.piped]: piped };
}

/** Whether a header names an identity, in whatever case, and with underscores, which some receivers take for hyphens. */
export function isIdentityHeader(name: string): boolean {
  return NAMES.has(name.toLowerCase().replaceAll('_', '-'));
}
