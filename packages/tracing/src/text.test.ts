import { describe, expect, test } from 'vitest';
import { message, thrown } from './text.ts';

describe('text that goes into a trace', () => {
  test.each([
    ['authorization: Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJkIn0.c2ln', 'authorization: Bearer [redacted]'],
    ['refused eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJkIn0.c2ln here', 'refused [redacted] here'],
    ['Bearer shop,edge-1,0123456789abcdef', 'Bearer [redacted]'],
    ['a -----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY----- b', 'a [redacted] b'],
    ['a -----BEGIN PRIVATE KEY-----\nMHc', 'a [redacted]'],
    ['bearer token missing', 'bearer token missing'],
  ])('%j → %j', (text, expected) => {
    expect(message(text)).toBe(expected);
  });

  test('is at most 1024 characters, and a secret across the edge is gone too', () => {
    expect(message('x'.repeat(5000))).toHaveLength(1024);
    const pass = `eyJhbGciOiJFUzI1NiJ9.${'p'.repeat(3000)}.sig`;
    expect(message(`${'x'.repeat(1000)} ${pass}`)).toBe(`${'x'.repeat(1000)} [redacted]`);
  });
});

describe('whatever is thrown', () => {
  test('an error keeps its class, message and stack', () => {
    const error = new RangeError('too far');
    expect(thrown(error)).toEqual({ name: 'RangeError', message: 'too far', stack: error.stack });
  });

  test('secrets are taken out of message and stack', () => {
    const error = new Error('Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJkIn0.c2ln');
    expect(JSON.stringify(thrown(error))).not.toContain('eyJ');
  });

  test.each([
    ['boom', { name: 'string', message: 'boom' }],
    [undefined, { name: 'undefined', message: 'undefined was thrown' }],
    [null, { name: 'object', message: 'null was thrown' }],
    [{ code: 3 }, { name: 'object', message: '{"code":3} was thrown' }],
    [{ message: 'from afar' }, { name: 'Error', message: 'from afar' }],
    [10n, { name: 'bigint', message: 'a value that cannot be shown was thrown' }],
  ])('%o', (value, expected) => {
    expect(thrown(value)).toEqual(expected);
  });

  test('a value that fights back', () => {
    const hostile = {
      get message(): string {
        throw new Error('no');
      },
    };
    expect(thrown(hostile)).toEqual({ name: 'object', message: 'a value that cannot be shown was thrown' });
  });
});
