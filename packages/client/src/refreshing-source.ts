import type { CredentialSource, SourceState } from './contract.ts';
import { ClientError } from './errors.ts';
import { withHeld } from './held-credential.ts';
import { abortable } from './time-bound.ts';

/** A credential and its life, in milliseconds of the source's clock. */
export interface Minted {
  readonly token: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

export interface RefreshingOptions {
  /** Makes a new credential. Gets a signal that ends after `timeoutMs`, and when the source is closed. */
  mint(signal: AbortSignal): Promise<Minted>;
  /**
   * Names what a credential would be made of now, such as a file and when it was written; when that changes, a new one is
   * made. Asked at most once a second. Undefined for not known. Default: nothing changes.
   */
  madeOf?(): Promise<string | undefined>;
  /** Longest time that making one may take. Default 5,000 ms. */
  readonly timeoutMs?: number | undefined;
  /** Clock, in milliseconds. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** From 0 up to 1. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** How much of a life must remain, and how much earlier than that jitter may have a credential refreshed. */
const REMAINING_SHARE = 1 / 3;
const JITTER_SHARE = 1 / 10;
/** Clocks are set back by a little all the time; by more, and the credential would look postdated to a server. */
const SET_BACK_TOLERANCE_MS = 1_000;
const PAUSE_AFTER_FAILURE_MS = 1_000;
const LOOK_EVERY_MS = 1_000;
/** A disk that does not answer must not hold up a credential that is at hand. */
const LOOK_TIMEOUT_MS = 250;

type Held = Minted & { readonly refreshAtMs: number; readonly madeOf: string | undefined };

/**
 * Turns a function that makes credentials into a source that keeps one fresh. There is no timer: each use looks at
 * the clock, so a suspended machine or a clock that was set can't leave an old credential in use. While the held one is
 * good but a third or less of its life remains, it is handed out and a new one is made meanwhile. When what it was made
 * of is replaced, a new one is waited for; the held one is good for as long as there is none.
 */
export function refreshingSource(options: RefreshingOptions): CredentialSource {
  const { mint, now = Date.now, random = Math.random, timeoutMs = 5_000 } = options;
  if (!(timeoutMs > 0 && timeoutMs <= 600_000)) throw new TypeError('timeoutMs must be from 1 to 600,000');
  const closing = new AbortController();
  let held: Held | undefined;
  let flight: Promise<Held> | undefined;
  let failure: { readonly error: ClientError; readonly atMs: number } | undefined;
  let started = 0;
  let accepted = 0;
  let lookedAtMs = Number.NEGATIVE_INFINITY;

  function usable(): Held | undefined {
    const nowMs = now();
    return held && nowMs >= held.issuedAtMs - SET_BACK_TOLERANCE_MS && nowMs < held.expiresAtMs ? held : undefined;
  }

  function paused(): boolean {
    return failure !== undefined && Math.abs(now() - failure.atMs) < PAUSE_AFTER_FAILURE_MS;
  }

  function refresh(): Promise<Held> {
    if (flight) return flight;
    const mine = fly(++started);
    flight = mine;
    const landed = () => {
      if (flight === mine) flight = undefined;
    };
    mine.then(landed, landed);
    return mine;
  }

  async function fly(sequence: number): Promise<Held> {
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      // Looked at before it is read: what changes in between is made again.
      const madeOf = options.madeOf && (await look());
      const minting = mint(AbortSignal.any([deadline, closing.signal])).then(minted =>
        accept(minted, sequence, madeOf),
      );
      return await abortable(minting, deadline, closing.signal);
    } catch (cause) {
      if (closing.signal.aborted) throw closed();
      const error = deadline.aborted ? timedOut(timeoutMs) : ClientError.from(cause);
      failure = { error, atMs: now() };
      throw error;
    }
  }

  /** An answer that comes after its time is still good, unless a newer one has come. */
  function accept(minted: Minted, sequence: number, madeOf: string | undefined): Held {
    const { token, issuedAtMs, expiresAtMs } = minted;
    if (!(Number.isFinite(issuedAtMs) && expiresAtMs > issuedAtMs) || !isBearer(token)) {
      throw new ClientError('source_failed', 'the credential source made something that is no credential');
    }
    const share = 1 - REMAINING_SHARE - JITTER_SHARE * random();
    const refreshAtMs = issuedAtMs + (expiresAtMs - issuedAtMs) * share;
    const made = { token, issuedAtMs, expiresAtMs, refreshAtMs, madeOf };
    if (sequence > accepted && !closing.signal.aborted) {
      accepted = sequence;
      failure = undefined;
      held = made;
    }
    return made;
  }

  async function look(): Promise<string | undefined> {
    lookedAtMs = now();
    return options.madeOf && abortable(options.madeOf(), AbortSignal.timeout(LOOK_TIMEOUT_MS)).catch(() => undefined);
  }

  /** Whether it is time to see if what it was made of has been replaced. */
  function isLookDue({ madeOf }: Held): boolean {
    return madeOf !== undefined && Math.abs(now() - lookedAtMs) >= LOOK_EVERY_MS && !paused();
  }

  async function isOutdated({ madeOf }: Held): Promise<boolean> {
    const latest = await look();
    return latest !== undefined && latest !== madeOf;
  }

  /** Hands it out, and sees to the next one when that is due. */
  function use({ token, refreshAtMs }: Held): string {
    if (now() >= refreshAtMs && !paused()) refresh().catch(() => {});
    return token;
  }

  const source: CredentialSource = {
    async credential(signal) {
      if (closing.signal.aborted) throw closed();
      signal?.throwIfAborted();
      const current = usable();
      if (current === undefined) return (await abortable(refresh(), signal)).token;
      if (isLookDue(current) && (await isOutdated(current))) {
        const renewed = refresh().catch(() => current);
        return (await abortable(renewed, signal)).token;
      }
      return use(current);
    },
    invalidate(used) {
      if (held?.token === used) held = undefined;
    },
    state(): SourceState {
      const current = usable();
      if (current === undefined) {
        return failure && !flight ? { kind: 'failed', error: failure.error } : { kind: 'loading' };
      }
      const { expiresAtMs } = current;
      if (flight) return { kind: 'refreshing', expiresAtMs };
      if (failure) return { kind: 'stale', expiresAtMs, error: failure.error };
      return { kind: now() < current.refreshAtMs ? 'fresh' : 'stale', expiresAtMs };
    },
    async [Symbol.asyncDispose]() {
      held = undefined;
      failure = { error: closed(), atMs: now() };
      closing.abort();
    },
  };
  return withHeld(source, () => {
    const current = closing.signal.aborted ? undefined : usable();
    return current === undefined || isLookDue(current) ? undefined : use(current);
  });
}

/** What can stand in a header after `Bearer`: visible ASCII, at most 8 KiB. */
export function isBearer(token: unknown): token is string {
  return typeof token === 'string' && /^[\x21-\x7e]{1,8192}$/.test(token);
}

function closed(): ClientError {
  return new ClientError('source_closed', 'the client was closed');
}

function timedOut(timeoutMs: number): ClientError {
  return new ClientError('source_timed_out', `no credential could be had within ${timeoutMs} ms`);
}
