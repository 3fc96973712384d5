import { describe, expect, it } from 'vitest';
import { isUnavailable, rootCause } from './failures.ts';

const coded = (code: string) => Object.assign(new Error('x'), { code });

describe('isUnavailable', () => {
  it.each([
    '08006',
    '53100',
    '53300',
    '57P01',
    '57P03',
    '57014',
    '40001',
    '40P01',
    '55P03',
    'ECONNREFUSED',
    'ECONNRESET',
  ])('is so for %s, also behind the layers of a driver', code => {
    expect(isUnavailable(coded(code))).toBe(true);
    expect(isUnavailable(new Error('Failed query', { cause: coded(code) }))).toBe(true);
    expect(isUnavailable(new AggregateError([coded(code)]))).toBe(true);
  });

  it.each(['Connection terminated unexpectedly', 'Query read timeout', 'timeout exceeded when trying to connect'])(
    'is so for "%s", which has no code',
    message => {
      expect(isUnavailable(new Error(message))).toBe(true);
    },
  );

  it.each(['23505', '42P01', '22P02', 'ERR_INVALID_ARG_TYPE'])('is not so for %s', code => {
    expect(isUnavailable(coded(code))).toBe(false);
  });

  it.each([undefined, null, 'x', 1, new Error('x')])('is not so for anything else', error => {
    expect(isUnavailable(error)).toBe(false);
  });

  it('does not go round in circles', () => {
    const circle = new Error('x');
    circle.cause = circle;
    expect(isUnavailable(circle)).toBe(false);
    expect(rootCause(circle)).toBe(circle);
  });
});
