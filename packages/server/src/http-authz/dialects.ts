import { signalOfPath } from '../otlp-paths.ts';
import type { Dialect } from './dialect.ts';
import { envoy } from './envoy.ts';
import { nginx } from './nginx.ts';
import { traefik } from './traefik.ts';

/** Each is asked at its own path: `/envoy/…`, `/nginx`, `/traefik`. Envoy also without a prefix, about telemetry. */
const DIALECTS = { envoy, nginx, traefik } as const satisfies Record<string, Dialect>;

export type HttpDialect = keyof typeof DIALECTS;

export const HTTP_DIALECTS: readonly HttpDialect[] = Object.freeze(Object.keys(DIALECTS) as HttpDialect[]);

/** A dialect, and what follows its own path. */
export interface DialectMatch {
  readonly dialect: Dialect;
  readonly rest: string;
}

/**
 * Which dialect a path of the check port speaks. The path is compared as it came: `/envoy/../nginx` is a check about
 * `/../nginx`. A path of OTLP is an Envoy's that was given no prefix, and what it asks about: there is no other path in it.
 *
 * @throws TypeError for a dialect that there is not, or none
 */
export function dialectsAt(names: readonly HttpDialect[]): (url: string) => DialectMatch | undefined {
  const chosen = new Set<string>(names);
  for (const name of chosen) if (!Object.hasOwn(DIALECTS, name)) throw new TypeError(`${name} is no dialect`);
  if (chosen.size === 0) throw new TypeError('dialects must not be empty');
  return url => {
    if (signalOfPath(url) !== undefined) return chosen.has('envoy') ? { dialect: envoy, rest: url } : undefined;
    const name = /^\/([a-z]+)(?=\/|$)/.exec(url)?.[1];
    if (name === undefined || !chosen.has(name)) return undefined;
    const dialect: Dialect = DIALECTS[name as HttpDialect];
    const rest = url.slice(name.length + 1);
    return (rest === '') === (dialect.asksAt === 'path') ? { dialect, rest } : undefined;
  };
}
