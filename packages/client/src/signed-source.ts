// The default import, so that a test can make single calls fail or hang.
import fs from 'node:fs/promises';
import { importSigningKey, type KeyFile, PURPOSES, signCredential } from '@spanpass/credential';
import type { CredentialSource } from './contract.ts';
import { ClientError } from './errors.ts';
import { readKeyFile } from './key-file.ts';
import { type Minted, type RefreshingOptions, refreshingSource } from './refreshing-source.ts';

export interface SignedSourceOptions extends Omit<RefreshingOptions, 'mint' | 'madeOf'> {
  /** Path of the key file, which is read again when it was replaced, so that a new key is taken up; or its content. */
  readonly keyFile: string | KeyFile;
  /** A credential's life. Default 300 s, at most 900. */
  readonly lifetimeSeconds?: number | undefined;
}

/**
 * Signs credentials for the gateway with a piped's own key.
 *
 * @throws TypeError for options that make no sense; `credential()` rejects with the codes of `readKeyFile`, and with
 *   `key_expired`, `source_timed_out`, `source_closed`, `source_failed`
 * @example
 * const source = signedSource({ keyFile: '/etc/piped/key.json' });
 * const token = await source.credential();
 */
export function signedSource(options: SignedSourceOptions): CredentialSource {
  const { keyFile, now = Date.now } = options;
  const lifetimeSeconds = options.lifetimeSeconds ?? PURPOSES.gateway.defaultLifeSeconds;
  const { maxLifeSeconds } = PURPOSES.gateway;
  if (!Number.isInteger(lifetimeSeconds) || lifetimeSeconds < 1 || lifetimeSeconds > maxLifeSeconds) {
    throw new TypeError(`lifetimeSeconds must be a whole number from 1 to ${maxLifeSeconds}`);
  }
  if (keyFile === '') throw new TypeError('keyFile must not be empty');

  async function mint(): Promise<Minted> {
    // One reading of the clock, so that the life that is tracked is the one that is signed.
    const { file, nowMs } = await usableKeyFile(keyFile, now);
    const key = await importSigningKey(file);
    const { audience } = file;
    const token = await signCredential(key, { purpose: 'gateway', audience, lifetimeSeconds, now: () => nowMs });
    const issuedAtMs = Math.floor(nowMs / 1000) * 1000;
    return { token, issuedAtMs, expiresAtMs: issuedAtMs + lifetimeSeconds * 1000 };
  }

  return refreshingSource({ ...options, mint, madeOf: () => versionOf(keyFile) });
}

/** Tells one state of a key file from another; undefined where that can't be told. */
export async function versionOf(keyFile: string | KeyFile): Promise<string | undefined> {
  if (typeof keyFile !== 'string') return undefined;
  const { dev, ino, size, mtimeNs } = await fs.stat(keyFile, { bigint: true });
  return [dev, ino, size, mtimeNs].join(' ');
}

/**
 * The key file as it is now, and what time it was then.
 *
 * @throws ClientError `key_expired`, and those of `readKeyFile`
 */
export async function usableKeyFile(
  keyFile: string | KeyFile,
  now: () => number,
): Promise<{ readonly file: KeyFile; readonly nowMs: number }> {
  const file = typeof keyFile === 'string' ? await readKeyFile(keyFile) : keyFile;
  const nowMs = now();
  if (!(nowMs / 1000 < file.notAfter)) {
    throw new ClientError('key_expired', `the key of ${file.piped} has ended: enroll again, or check this clock`);
  }
  return { file, nowMs };
}
