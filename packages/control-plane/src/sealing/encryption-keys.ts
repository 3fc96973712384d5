import { createHash, randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ControlPlaneStartError, fileError } from '../problems/start-error.ts';
import { createPrivateText, readPrivateText } from '../tokens/private-text.ts';

const KEY_BYTES = 32;
const MAX_KEYS = 8;
/** Standard or URL-safe, with or without padding: 32 bytes. */
const ONE_KEY = /^[A-Za-z0-9+/_-]{43}=?$/;

export interface EncryptionKey {
  /** Follows from the key, and tells nothing of it. */
  readonly id: string;
  /** Secret. */
  readonly bytes: Buffer;
}

/** The keys that secrets in the database are encrypted with: the first one encrypts, all of them decrypt. */
export type EncryptionKeys = readonly [EncryptionKey, ...EncryptionKey[]];

export interface EncryptionKeySources {
  /** From the options or the environment. Secret. */
  readonly given: string | undefined;
  readonly dataDir: string;
  /** None is made here then. */
  readonly production: boolean;
}

/**
 * Settles the encryption keys: those that were given; else the one in `<dataDir>/encryption-key`; else a new one, which
 * is written there.
 *
 * @throws ControlPlaneStartError `encryption_key_missing` in production, where none is made; `encryption_key_malformed`,
 *   `encryption_key_exposed`, `data_dir_unusable`, `disk_full`
 */
export async function settleEncryptionKeys({
  given,
  dataDir,
  production,
}: EncryptionKeySources): Promise<EncryptionKeys> {
  if (given !== undefined) return parseEncryptionKeys(given, 'SPANPASS_ENCRYPTION_KEY');
  if (production) {
    throw new ControlPlaneStartError(
      'encryption_key_missing',
      'the signing keys in the database are to be encrypted: give 32 random bytes in base64 as SPANPASS_ENCRYPTION_KEY or encryptionKeyFile (openssl rand -base64 32)',
    );
  }
  const path = join(dataDir, 'encryption-key');
  const file = await readPrivateText(path).catch(error => {
    throw fileError(error, path);
  });
  if (file?.exposed) {
    throw new ControlPlaneStartError('encryption_key_exposed', `others can read ${path}: chmod 600 it`);
  }
  if (file !== undefined) return parseEncryptionKeys(file.text, path);
  const text = randomBytes(KEY_BYTES).toString('base64');
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await createPrivateText(path, text);
  } catch (error) {
    throw fileError(error, path);
  }
  return parseEncryptionKeys(text, path);
}

/**
 * One key or several, with commas or white space between.
 *
 * @param where is named in errors, the text never
 * @throws ControlPlaneStartError `encryption_key_malformed`
 */
export function parseEncryptionKeys(text: string, where: string): EncryptionKeys {
  const parts = text.split(/[\s,]+/).filter(part => part !== '');
  const keys = parts.map(part => (ONE_KEY.test(part) ? keyOf(Buffer.from(part, 'base64')) : undefined));
  const [first, ...others] = keys.filter(key => key !== undefined);
  const distinct = new Set(keys.map(key => key?.id)).size === keys.length;
  if (first === undefined || others.length + 1 !== parts.length || parts.length > MAX_KEYS || !distinct) {
    throw new ControlPlaneStartError(
      'encryption_key_malformed',
      `${where} must hold 32 bytes in base64, or up to ${MAX_KEYS} different ones of these with commas between`,
    );
  }
  return [first, ...others];
}

function keyOf(bytes: Buffer): EncryptionKey {
  const hash = createHash('sha256').update('spanpass encryption key id\0').update(bytes).digest('base64url');
  return { id: hash.slice(0, 16), bytes };
}
