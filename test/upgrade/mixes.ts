import type { Release } from './releases.ts';

type Name = Release['name'];

/** Versions that work together. */
export interface Mix {
  readonly controlPlane: Name;
  readonly authServer: Name;
  readonly piped: Name;
}

const names: readonly Name[] = ['previous', 'current'];

/** Every mix of two neighbouring versions, the one of this version alone excepted: all other suites are about that. */
export const PROMISED_MIXES: readonly Mix[] = names
  .flatMap(controlPlane => names.flatMap(authServer => names.map(piped => ({ controlPlane, authServer, piped }))))
  .filter(mix => Object.values(mix).includes('previous') && Object.values(mix).includes('current'));

/** A row of the table in docs/operations/upgrades.md. */
export function rowOf({ controlPlane, authServer, piped }: Mix): string {
  return `| ${controlPlane} | ${authServer} | ${piped} |`;
}
