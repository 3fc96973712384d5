import {
  createKeyPair,
  importSigningKey,
  type KeyRecord,
  type Signal,
  type SignOptions,
  signCredential,
} from '@spanpass/credential';
import type { CheckedRequest } from './contract.ts';
import type { KeySource } from './keys/key-source.ts';
import { AuthenticationError } from './refusals.ts';

export const NOW_SECONDS = 1_790_000_000;
export const now = () => NOW_SECONDS * 1000;

export const TRACES = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

export interface TestPiped {
  readonly kid: string;
  readonly record: KeyRecord;
  sign(options?: Partial<SignOptions>): Promise<string>;
}

/** An enrolled piped: its key, its record, and credentials that it signs. */
export async function createPiped(
  owner: { project?: string; piped?: string; scopes?: readonly Signal[] } = {},
): Promise<TestPiped> {
  const { project = 'shop', piped = 'edge-1', scopes = ['traces'] } = owner;
  const pair = await createKeyPair('ES256');
  const key = await importSigningKey({ ...pair, project, piped });
  const record: KeyRecord = Object.freeze({
    v: 1,
    kid: pair.kid,
    alg: pair.alg,
    project,
    piped,
    publicJwk: pair.publicJwk,
    scopes,
    keyStatus: 'active',
    pipedStatus: 'active',
    projectStatus: 'active',
    notBefore: NOW_SECONDS - 3600,
    notAfter: NOW_SECONDS + 3600,
    revision: 1,
  });
  const sign = (options: Partial<SignOptions> = {}) =>
    signCredential(key, { purpose: 'gateway', audience: 'spanpass-gateway', now, ...options });
  return { kid: pair.kid, record, sign };
}

export function requestWith(
  authorization: string | readonly string[] | undefined,
  changes: Partial<CheckedRequest> = {},
): CheckedRequest {
  const headers = authorization === undefined ? {} : { authorization };
  return { headers, method: 'POST', path: TRACES, peer: { address: '192.0.2.1' }, ...changes };
}

/** A key source that believes whatever the map holds. */
export function memoryKeys(records: Map<string, KeyRecord>): KeySource & { asked: number } {
  return {
    asked: 0,
    get(kid) {
      this.asked++;
      return records.get(kid);
    },
    peek: kid => records.get(kid),
  };
}

/** The code that a check is refused with; `allowed` if it is not. */
export async function codeOf(check: () => unknown): Promise<string> {
  try {
    await check();
    return 'allowed';
  } catch (error) {
    if (error instanceof AuthenticationError) return error.code;
    throw error;
  }
}

/** A clock that stands still until it is told to go on. */
export function createTestClock(startMs = now()): { now: () => number; advance(ms: number): void } {
  let currentMs = startMs;
  return {
    now: () => currentMs,
    advance: ms => {
      currentMs += ms;
    },
  };
}

/** A promise, and the way to settle it. */
export function deferred<T>(): { promise: Promise<T>; resolve(value: T): void; reject(error: unknown): void } {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  return { promise, resolve, reject };
}
