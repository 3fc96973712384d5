import { expect, it } from 'vitest';
import { leaksIn } from './leaks.ts';

const value = 'MEUCIQDx_vJ8-secret+of/38~letters.even';
const find = (text: string) => leaksIn([{ name: 'log', text }], [{ name: 'key', value }]);

it.each([
  ['whole', value],
  ['in a line', `{"msg":"x ${value}"}`],
  ['a part of it', `…${value.slice(9, 25)}…`],
  ['in base64', Buffer.from(value).toString('base64')],
  ['in base64, behind one letter', Buffer.from(`:${value}`).toString('base64')],
  ['in base64, behind two', Buffer.from(`::${value}::`).toString('base64')],
  ['in base64url', Buffer.from(`user:${value}`).toString('base64url')],
  ['in hexadecimal', Buffer.from(`x${value}`).toString('hex')],
  ['in a URL', `?token=${encodeURIComponent(value)}`],
])('a secret is found %s', (_, text) => {
  expect(find(text)).toEqual(['key in log']);
});

it('what is none is not found, and a secret that is too short can not be looked for', () => {
  expect(find(value.slice(0, 15))).toEqual([]);
  expect(find('{"level":30,"msg":"refused","reason":"expired"}')).toEqual([]);
  expect(() => leaksIn([], [{ name: 'pin', value: '1234' }])).toThrow(RangeError);
});
