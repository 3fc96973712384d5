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
  const atPath = new Map<string, DialectMatch>();
  const atPrefix: { readonly prefix: string; readonly dialect: Dialect }[] = [];
  for (const [name, dialect] of Object.entries<Dialect>(DIALECTS)) {
    if (!chosen.has(name)) continue;
    if (dialect.asksAt === 'path') atPath.set(`/${name}`, { dialect, rest: '' });
    else atPrefix.push({ prefix: `/${name}/`, dialect });
  }
  return url => {
    for (const { prefix, dialect } of atPrefix) {
      if (url.startsWith(prefix)) return { dialect, rest: url.slice(prefix.length - 1) };
    }
    const match = atPath.get(url);
    if (match !== undefined || !chosen.has('envoy') || signalOfPath(url) === undefined) return match;
    return { dialect: envoy, rest: url };
  };
}
