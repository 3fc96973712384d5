import { describe, expect, it } from 'vitest';
import { createToken, hashToken, isWellFormedToken } from './token-format.ts';

describe('tokens', () => {
  it('say what they are, and never repeat', () => {
    const tokens = Array.from({ length: 50 }, () => createToken('admin'));
    for (const token of tokens) expect(token).toMatch(/^spanpass_admin_[0-9A-Za-z]{49}$/);
    expect(new Set(tokens).size).toBe(50);
    expect(createToken('as')).toMatch(/^spanpass_as_/);
    expect(createToken('enroll')).toMatch(/^spanpass_enroll_/);
  });

  it('carry a checksum that any other character breaks', () => {
    const token = createToken('enroll');
    expect(isWellFormedToken(token, 'enroll')).toBe(true);
    expect(isWellFormedToken(token, 'admin')).toBe(false);
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'x' ? 'y' : 'x';
      expect(isWellFormedToken(token.slice(0, at) + other + token.slice(at + 1), 'enroll')).toBe(false);
    }
    expect(isWellFormedToken(`${token}x`, 'enroll')).toBe(false);
    expect(isWellFormedToken(token.slice(1), 'enroll')).toBe(false);
    expect(isWellFormedToken('', 'enroll')).toBe(false);
  });

  it('keep the checksum that was once agreed', () => {
    // CRC-32 of the text before it, in base 62, most significant digit first, as scanners compute it.
    expect(isWellFormedToken(`spanpass_enroll_${'0'.repeat(43)}1fZj1N`, 'enroll')).toBe(true);
  });

  it('are stored as their SHA-256', () => {
    expect(hashToken('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});
