import { describe, expect, it } from 'vitest';
import { ControlPlaneStartError } from '../problems/start-error.ts';
import { parseEncryptionKeys } from './encryption-keys.ts';
import { isSealed, seal, unseal } from './seal.ts';

const one = Buffer.alloc(32, 1).toString('base64');
const two = Buffer.alloc(32, 2).toString('base64url');
const [key, other] = parseEncryptionKeys(`${one}, ${two}`, 'here');
const secret = { kty: 'EC', d: 'the private part' };

describe('what is sealed', () => {
  it('shows nothing of itself, is never the same twice, and comes back', () => {
    const sealed = seal(secret, 'row 1', key);
    expect(isSealed(sealed)).toBe(true);
    expect(isSealed(secret)).toBe(false);
    expect(Buffer.from(sealed.ciphertext, 'base64url').toString('latin1')).not.toContain('private');
    expect(seal(secret, 'row 1', key).ciphertext).not.toBe(sealed.ciphertext);
    expect(unseal(sealed, 'row 1', key)).toEqual(secret);
  });

  it('opens with its key, at its place, and unchanged, or not at all', () => {
    const sealed = seal(secret, 'row 1', key);
    expect(() => unseal(sealed, 'row 2', key)).toThrow(/authenticate/);
    expect(() => unseal(sealed, 'row 1', other as typeof key)).toThrow(/authenticate/);
    for (const member of ['iv', 'ciphertext'] as const) {
      const bytes = Buffer.from(sealed[member], 'base64url');
      for (let at = 0; at < bytes.length; at++) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ 1;
        expect(() => unseal({ ...sealed, [member]: changed.toString('base64url') }, 'row 1', key)).toThrow();
      }
    }
    for (const length of [0, 1, 15, 16, 17]) {
      const cut = Buffer.from(sealed.ciphertext, 'base64url').subarray(0, length).toString('base64url');
      expect(() => unseal({ ...sealed, ciphertext: cut }, 'row 1', key)).toThrow();
    }
  });
});

describe('encryption keys', () => {
  it('are 32 bytes in any base64, and have an id that tells nothing of them', () => {
    expect(other?.bytes).toEqual(Buffer.alloc(32, 2));
    expect(key.id).toMatch(/^[\w-]{16}$/);
    expect(one).not.toContain(key.id);
    expect(parseEncryptionKeys(`${one}\n${two}\n`, 'here').map(({ id }) => id)).toEqual([key.id, other?.id]);
  });

  it.each([
    '',
    ' , ',
    'secret',
    one.slice(0, 40),
    `${one}${one}`,
    `${one},${one}`,
    `${one},x`,
    Array(9).fill(one).join(),
  ])('are never %j', text => {
    let thrown: unknown;
    try {
      parseEncryptionKeys(text, 'HERE');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ControlPlaneStartError);
    expect(thrown).toMatchObject({
      code: 'encryption_key_malformed',
      message: expect.stringMatching(/^HERE must hold/),
    });
    if (text.length > 20) expect((thrown as Error).message).not.toContain(text.slice(0, 20));
  });
});
