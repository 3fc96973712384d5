import type { Algorithm } from '../algorithms.ts';
import { createKeyPair, type KeyPair } from '../key-pair.ts';
import { IssuerError } from './errors.ts';

/** A key of an issuer, with a kid such as issuers choose. */
export interface IssuerKeyPair extends KeyPair {
  readonly jwk: Record<string, unknown>;
}

export async function createIssuerKey(kid: string, alg: Algorithm = 'ES256'): Promise<IssuerKeyPair> {
  const pair = await createKeyPair(alg);
  return { ...pair, kid, jwk: { ...pair.publicJwk, kid, use: 'sig', alg } };
}

/** A clock that stands still until it is told to go on. */
export function createTestClock(): { now: () => number; advance(ms: number): void } {
  let currentMs = 1_790_000_000_000;
  return {
    now: () => currentMs,
    advance: ms => {
      currentMs += ms;
    },
  };
}

/** A promise, and the way to settle it. */
export function deferred<T>(): { promise: Promise<T>; resolve(value: T): void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>(settle => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Whether what was asked for could be told: `unavailable` where the issuer did not let it be. */
export async function outcomeOf(ask: () => Promise<unknown>): Promise<'told' | 'unavailable'> {
  try {
    await ask();
    return 'told';
  } catch (error) {
    if (error instanceof IssuerError) return 'unavailable';
    throw error;
  }
}
