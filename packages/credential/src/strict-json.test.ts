import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStrictObject } from './strict-json.ts';

describe('parseStrictObject', () => {
  it('takes any object that JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), object => {
        const text = JSON.stringify(object);
        expect(parseStrictObject(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('refuses a member that is named twice, wherever it is, and whatever its name', () => {
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), fc.nat(3), (name, value, depth) => {
        const member = `${JSON.stringify(name)}:${JSON.stringify(value)}`;
        const twice = `{"a":0,${member === '"a":0' ? '' : `${member},`}${member}}`;
        const text = `${'{"in":['.repeat(depth)}${twice}${']}'.repeat(depth)}`;
        expect(() => parseStrictObject(text)).toThrow(SyntaxError);
      }),
    );
  });

  it.each([
    ['written in another way', String.raw`{"a":1,"\u0061":2}`],
    ['that is a prototype', '{"__proto__":1,"__proto__":2}'],
    ['that is empty', '{"":1,"":2}'],
  ])('refuses a name %s', (_, text) => {
    expect(() => parseStrictObject(text)).toThrow(SyntaxError);
  });

  it.each([String.raw`{"a:\"":":{}","b\\":"\\","c":{"a":[]}}`, '{"__proto__":{"a":1},"a":{"__proto__":1}}'])(
    'is not misled by %j',
    text => {
      expect(parseStrictObject(text)).toStrictEqual(JSON.parse(text));
    },
  );

  it('takes it however deep it is', () => {
    const depth = 20_000;
    expect(Object.keys(parseStrictObject(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`))).toEqual(['a']);
  });

  it.each(['[]', 'null', '"{}"', '1', '', '{', '{"a":1}}'])('%j is no object', text => {
    expect(() => parseStrictObject(text)).toThrow(SyntaxError);
  });
});
