import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { EncryptionKey } from './encryption-keys.ts';

const CIPHER = 'aes-256-gcm';
/** NIST SP 800-38D section 8.2.2: random, of 96 bits. */
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Something secret as it is kept: readable with one of the encryption keys alone. */
export interface Sealed {
  readonly v: 1;
  readonly enc: 'A256GCM';
  /** Of the encryption key. */
  readonly keyId: string;
  /** base64url. */
  readonly iv: string;
  /** base64url; the authentication tag is its end. */
  readonly ciphertext: string;
}

/**
 * Encrypts with AES-256-GCM. `place` says where the result belongs, and nowhere else can it be opened: what was sealed
 * for one row of a table is of no use in another.
 */
export function seal(plain: unknown, place: string, { id, bytes }: EncryptionKey): Sealed {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, bytes, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(place));
  const ciphertext = Buffer.concat([cipher.update(JSON.stringify(plain)), cipher.final(), cipher.getAuthTag()]);
  return {
    v: 1,
    enc: 'A256GCM',
    keyId: id,
    iv: iv.toString('base64url'),
    ciphertext: ciphertext.toString('base64url'),
  };
}

/** @throws Error if it was sealed for another place, with another key, or was changed */
export function unseal(sealed: Sealed, place: string, { bytes }: EncryptionKey): unknown {
  const ciphertext = Buffer.from(sealed.ciphertext, 'base64url');
  const end = ciphertext.length - TAG_BYTES;
  if (end < 0) throw new Error('what was sealed is cut short');
  const decipher = createDecipheriv(CIPHER, bytes, Buffer.from(sealed.iv, 'base64url'), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(place));
  decipher.setAuthTag(ciphertext.subarray(end));
  return JSON.parse(Buffer.concat([decipher.update(ciphertext.subarray(0, end)), decipher.final()]).toString());
}

export function isSealed(value: object): value is Sealed {
  return 'ciphertext' in value;
}
