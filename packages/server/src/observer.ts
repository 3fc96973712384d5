import type { AuthenticationError } from './refusals.ts';

/** What one check came to. No credential and nothing unverified is in it. */
export interface Decision {
  /** How the question was asked: `ext_authz_grpc`, `grpc`, `http`. */
  readonly protocol: string;
  /** Who vouched, when the request was allowed. */
  readonly authenticator?: string;
  /** Why it was refused; absent when it was allowed. */
  readonly refused?: AuthenticationError;
}

export type LookupResult = 'found' | 'unknown' | 'failed' | 'throttled' | 'overloaded';

/** Told of what happens, for metrics and logs. Called on the way of each check: must be quick, and must not throw. */
export interface Observer {
  decided?(decision: Decision): void;
  /** A verified decision was asked for in memory. */
  decisionCache?(result: 'hit' | 'miss'): void;
  /** The control plane was asked for a key, or would have been. */
  keyLookup?(result: LookupResult): void;
  /** A key was revoked, or a piped or project disabled, and this server knows of it, so long after it was written. */
  revocationApplied?(lagSeconds: number): void;
}

/** Tells each of several observers. */
export function joinObservers(...observers: readonly Observer[]): Observer {
  return {
    decided: decision => {
      for (const observer of observers) observer.decided?.(decision);
    },
    decisionCache: result => {
      for (const observer of observers) observer.decisionCache?.(result);
    },
    keyLookup: result => {
      for (const observer of observers) observer.keyLookup?.(result);
    },
    revocationApplied: lagSeconds => {
      for (const observer of observers) observer.revocationApplied?.(lagSeconds);
    },
  };
}
