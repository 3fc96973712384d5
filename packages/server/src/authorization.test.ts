import { describe, expect, it } from 'vitest';
import { bearerToken, soleAuthorization } from './authorization.ts';
import { codeOf, requestWith } from './fixture.test.support.ts';

describe('soleAuthorization', () => {
  it.each([[undefined], [''], [[]]])('finds none in %o', value => {
    expect(soleAuthorization(requestWith(value))).toBeUndefined();
  });

  it('takes a list of one for one', () => {
    expect(soleAuthorization(requestWith(['Bearer one']))).toBe('Bearer one');
  });

  it.each([
    [['Bearer one', 'Bearer one']],
    ['Bearer one,Bearer two'],
    ['Bearer one, Bearer two'],
    ['Bearer one ,\tBasic two'],
    [',Bearer two'],
  ])('refuses %o', async value => {
    expect(await codeOf(() => soleAuthorization(requestWith(value)))).toBe('credential_multiple');
  });

  it('leaves a comma within one credential alone', () => {
    expect(soleAuthorization(requestWith('Bearer project,piped,key'))).toBe('Bearer project,piped,key');
    expect(soleAuthorization(requestWith('Digest username="a", realm="b"'))).toBeDefined();
  });

  it('looks at no more than a credential and its scheme', async () => {
    expect(await codeOf(() => soleAuthorization(requestWith('a'.repeat(8257))))).toBe('credential_too_large');
    expect(soleAuthorization(requestWith('a'.repeat(8256)))).toHaveLength(8256);
  });
});

describe('bearerToken', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER  abc', 'abc'],
    ['Bearer abc ', 'abc '],
    ['Bearer\tabc', undefined],
    ['Bearerabc', undefined],
    ['Basic abc', undefined],
    ['Bearer', undefined],
  ])('of %o is %o', (value, token) => {
    expect(bearerToken(requestWith(value))).toBe(token);
  });
});
