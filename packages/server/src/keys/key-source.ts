import type { KeyRecord } from '@spanpass/credential';

/** On whose behalf a key is asked for. */
export interface KeyQuestion {
  /** Ends the waiting, not the lookup: others may wait for the same one. */
  readonly signal: AbortSignal;
  /** Whom to throttle if the kid turns out to be made up. */
  readonly peerAddress: string;
}

/** Where key records come from, and what may be believed of those at hand. */
export interface KeySource {
  /**
   * The record of a kid; none if no key has it. A known answer needs no promise.
   *
   * @throws AuthenticationError (or rejects with it) when it can't be told: `key_source_unavailable`, `throttled`,
   *   `overloaded`, `shutting_down`
   */
  get(kid: string, question: KeyQuestion): KeyRecord | undefined | Promise<KeyRecord | undefined>;
  /**
   * The record at hand, if there is one that may be believed now. The same object for as long as nothing changed: what
   * was verified with another one has to be verified anew.
   */
  peek(kid: string): KeyRecord | undefined;
}
