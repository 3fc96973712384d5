import type { CredentialSource, RenewalState } from './contract.ts';
import type { EnrolledKey } from './enroll.ts';
import { ClientError } from './errors.ts';
import { heldCredential, withHeld } from './held-credential.ts';
import { readKeyFile } from './key-file.ts';
import { exists } from './private-file.ts';
import { pendingPathOf, type RenewOptions, renew } from './renew.ts';

export interface AutoRenewalOptions extends Pick<RenewOptions, 'keyFile' | 'now' | 'fetch'> {
  /** From 0 up to 1. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Told of each change of the state. What it throws is ignored. */
  readonly onRenewal?: ((state: RenewalState) => void) | undefined;
}

const DAY_MS = 86_400_000;
/** A key file that an older spanpass wrote does not say when the key's life began. This was the default. */
const ASSUMED_LIFE_MS = 90 * DAY_MS;
const SHARE = 2 / 3;
const JITTER_SHARE = 1 / 20;
/** How often, while in use, the key file is looked at; another process may have renewed the key. */
const LOOK_EVERY_MS = 60_000;
/** A process that exports nothing for weeks must not come back with a key that has ended. */
const IDLE_LOOK_EVERY_MS = 3_600_000;
const FIRST_RETRY_MS = 30_000;
const LAST_RETRY_MS = 3_600_000;

/**
 * Lets a source that signs with a key file have the key renewed at two thirds of its life, a little later by chance, so
 * that a fleet that was enrolled together does not come back together. A renewal that was cut off is taken up at once.
 * No credential waits for it, and its timer keeps no process alive.
 */
export function autoRenewed(source: CredentialSource, options: AutoRenewalOptions): CredentialSource {
  const { keyFile, now = Date.now, random = Math.random, onRenewal } = options;
  let state: RenewalState = { kind: 'waiting' };
  let timer: NodeJS.Timeout | undefined;
  let flight: Promise<void> | undefined;
  let closed = false;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let pauseMs = 0;
  let failures = 0;
  let handedOut: string | undefined;
  /** The key that was last seen, and when it is to be renewed. */
  let seen: { readonly kid: string; readonly dueAtMs: number } | undefined;

  function enter(next: RenewalState): void {
    state = next;
    try {
      onRenewal?.(next);
    } catch {
      // Whoever listens must not be able to stop the renewal.
    }
  }

  /** A clock that was set, to whichever side, counts as time that has passed. */
  function look(): void {
    if (closed || flight || Math.abs(now() - lookedAtMs) < pauseMs) return;
    lookedAtMs = now();
    pauseMs = LOOK_EVERY_MS;
    flight = lookNow().finally(() => {
      flight = undefined;
    });
  }

  async function lookNow(): Promise<void> {
    try {
      const file = await readKeyFile(keyFile);
      see(file);
      const due = now() >= (seen?.dueAtMs ?? 0);
      if (due || (await exists(pendingPathOf(keyFile)))) {
        enter({ kind: 'renewing' });
        const renewed = await renew({ keyFile, now, fetch: options.fetch });
        see(renewed);
        enter({ kind: 'renewed', kid: renewed.kid, notAfter: renewed.notAfter });
      } else if (state.kind === 'failed') {
        enter({ kind: 'waiting' });
      }
      failures = 0;
    } catch (cause) {
      const longest = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures++);
      pauseMs = longest * (1 - random() / 2);
      enter({ kind: 'failed', error: ClientError.from(cause), retryAtMs: lookedAtMs + pauseMs });
    }
  }

  /** With a new key, what the old one signed is not used up: its overlap may be shorter than that credential's life. */
  function see({ kid, notAfter, issuedAt }: EnrolledKey): void {
    if (seen?.kid === kid) return;
    if (seen && handedOut !== undefined) source.invalidate(handedOut);
    const endMs = notAfter * 1000;
    const startMs = issuedAt === undefined ? endMs - ASSUMED_LIFE_MS : issuedAt * 1000;
    seen = { kid, dueAtMs: startMs + (endMs - startMs) * (SHARE + JITTER_SHARE * random()) };
  }

  function used(): void {
    if (!closed) timer ??= setInterval(look, IDLE_LOOK_EVERY_MS).unref();
    look();
  }

  const renewed: CredentialSource = {
    async credential(signal) {
      used();
      handedOut = await source.credential(signal);
      return handedOut;
    },
    invalidate: token => source.invalidate(token),
    state: () => ({ ...source.state(), renewal: state }),
    async [Symbol.asyncDispose]() {
      closed = true;
      clearInterval(timer);
      await source[Symbol.asyncDispose]();
    },
  };
  return withHeld(renewed, () => {
    used();
    const held = heldCredential(source);
    if (held !== undefined) handedOut = held;
    return held;
  });
}
