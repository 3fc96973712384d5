import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { errorCodeOf, isDiskFull, removeFile } from './files.ts';
import { livenessOf, ownIdentity, parseIdentity } from './process-identity.ts';

const HEARTBEAT_MS = 5_000;
/** How long an owner whose liveness can't be looked up may give no sign of life. */
const LEASE_MS = 30_000;

/**
 * Who owns which segments. Every open spool is an owner with an id that is never used again, and a file that says which
 * process it is. A dead owner's segments are anyone's to take.
 */
export class Owners {
  readonly id = randomBytes(8).toString('hex');
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #identity = ownIdentity();
  readonly #lastSigns = new Map<string, { mtimeMs: number; seenAtMs: number }>();
  #beatAtMs: number;
  #written = false;

  /** @throws the file system's error, unless it is only that the disk is full. */
  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
    this.#beatAtMs = clock.monotonicMs();
    this.#write();
  }

  /** Where a process can't look another one up (in another container, say), it watches the time of its file. */
  beat(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#beatAtMs < HEARTBEAT_MS) return;
    this.#beatAtMs = nowMs;
    const seconds = Date.now() / 1000;
    if (!this.#written) this.#write();
    try {
      utimesSync(this.#file(this.id), seconds, seconds);
    } catch (error) {
      if (errorCodeOf(error) === 'ENOENT') this.#write();
    }
  }

  isDead(owner: string): boolean {
    if (owner === this.id) return false;
    const file = this.#file(owner);
    let text: string;
    let mtimeMs: number;
    try {
      text = readFileSync(file, 'utf8');
      mtimeMs = statSync(file).mtimeMs;
    } catch (error) {
      return errorCodeOf(error) === 'ENOENT';
    }
    const identity = parseIdentity(text);
    const liveness = identity ? livenessOf(identity, this.#identity) : 'unknown';
    return liveness === 'unknown' ? this.#leaseIsOver(owner, mtimeMs) : liveness === 'dead';
  }

  /** Removes the file of an owner that is dead and owns nothing any more. */
  forget(owner: string): void {
    this.#lastSigns.delete(owner);
    removeFile(this.#file(owner));
  }

  /** From now on, what this owner left is anyone's to take. */
  resign(): void {
    removeFile(this.#file(this.id));
  }

  /** By this process's own monotonic clock: file times and wall clocks may jump. */
  #leaseIsOver(owner: string, mtimeMs: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    const sign = this.#lastSigns.get(owner);
    if (sign?.mtimeMs === mtimeMs) return nowMs - sign.seenAtMs >= LEASE_MS;
    this.#lastSigns.set(owner, { mtimeMs, seenAtMs: nowMs });
    return false;
  }

  /** On a full disk the file stays empty, which says "unknown" to others, until a heartbeat can fill it. */
  #write(): void {
    try {
      writeFileSync(this.#file(this.id), JSON.stringify(this.#identity), { mode: 0o600 });
      this.#written = true;
    } catch (error) {
      if (!isDiskFull(errorCodeOf(error))) throw error;
    }
  }

  #file(owner: string): string {
    return join(this.#folder, `${owner}.owner`);
  }
}
