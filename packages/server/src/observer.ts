import type { Owner, Principal } from './contract.ts';
import type { AuthenticationError } from './refusals.ts';
import type { ShadowResult } from './shadow/shadow-rule.ts';

/** What one check came to. No credential and nothing unverified is in it, but for `caller`. */
export interface Decision {
  /** How the question was asked: `ext_authz_grpc`, `grpc`, `http`. */
  readonly protocol: string;
  /** Who vouched, when the request was allowed; who refused it, where one of them did. */
  readonly authenticator?: string | undefined;
  /** Whose request it was, where that was verified. */
  readonly owner?: Owner | undefined;
  /** Why it was refused; absent when it was allowed. */
  readonly refused?: AuthenticationError | undefined;
  /** How long it took. */
  readonly durationSeconds?: number | undefined;
  /** Whose trace it belongs to: unverified, and good for nothing else. */
  readonly caller?: Caller | undefined;
}

/** The one who asks, as far as a trace is concerned. */
export interface Caller {
  /** The method that was called, one of the server's own: `package.Service/Method`, or an HTTP method. */
  readonly method: string;
  /** A header of W3C Trace Context, such as `traceparent`, if it was sent exactly once. */
  traceHeader(name: string): string | undefined;
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
  /** A signature was looked at. */
  signature?(authenticator: string, result: 'valid' | 'invalid'): void;
  /** A rule was tried beside the deciding ones. */
  shadow?(result: ShadowResult): void;
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
    shadow: result => {
      for (const observer of observers) observer.shadow?.(result);
    },
    signature: (authenticator, result) => {
      for (const observer of observers) observer.signature?.(authenticator, result);
    },
  };
}

/** One check from its beginning to its one decision, for those who open a door. */
export class ObservedCheck {
  readonly #observer: Observer;
  readonly #protocol: string;
  readonly #caller: Caller | undefined;
  readonly #startedAt = performance.now();

  constructor(observer: Observer, protocol: string, caller?: Caller) {
    this.#observer = observer;
    this.#protocol = protocol;
    this.#caller = caller;
  }

  allowed(principal: Principal): void {
    this.#end(principal.authenticator, principal, undefined);
  }

  refused(refused: AuthenticationError): void {
    this.#end(refused.authenticator, refused.owner, refused);
  }

  /** Of one shape always: it is made for each check, and whoever is told reads it quickly. */
  #end(authenticator: string | undefined, owner: Owner | undefined, refused: AuthenticationError | undefined): void {
    const durationSeconds = (performance.now() - this.#startedAt) / 1000;
    const caller = this.#caller;
    this.#observer.decided?.({ protocol: this.#protocol, authenticator, owner, refused, durationSeconds, caller });
  }
}
