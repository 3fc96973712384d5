import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_XFCC_LENGTH, parseXfcc, type XfccElement } from './xfcc.ts';

const { headers } = JSON.parse(readFileSync(new URL('./fixtures/envoy-1.40.0.json', import.meta.url), 'utf8'));

describe('what Envoy writes', () => {
  it('is read into its pairs', () => {
    const [element, ...more] = parseXfcc(headers.good) as XfccElement[];
    expect(more).toEqual([]);
    expect(element?.get('by')).toEqual(['spiffe://example.org/gateway']);
    expect(element?.get('hash')).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
    expect(element?.get('cert')).toEqual([expect.stringMatching(/^-----BEGIN%20CERTIFICATE-----.*%0A$/)]);
    expect(element?.get('subject')).toEqual(['CN=edge-1,O=Shop']);
    expect(element?.get('uri')).toEqual(['spiffe://example.org/project/shop/piped/edge-1']);
    expect(element?.get('dns')).toEqual(['edge-1.shop.pipeds.example.org', 'other.example.org']);
  });

  it('may have quotes, separators and backslashes in a subject', () => {
    const [element] = parseXfcc(headers.odd) as XfccElement[];
    expect(element?.get('subject')).toEqual(['CN=edge=1,Hash=abc\\,O=Shop, "Inc"; x=y\\']);
    expect(element?.get('uri')).toEqual(['spiffe://example.org/project/shop/piped/edge-1']);
  });

  it('says so where a certificate has no URI, or several', () => {
    expect(parseXfcc(headers.none)?.[0]?.get('uri')).toEqual(['']);
    expect(parseXfcc(headers.two)?.[0]?.get('uri')).toHaveLength(2);
  });

  it('comes behind what the client sent', () => {
    expect(parseXfcc(headers.appended)?.map(element => element.get('uri'))).toEqual([
      ['spiffe://example.org/project/bank/piped/edge-9'],
      ['spiffe://example.org/project/shop/piped/edge-1'],
    ]);
    expect(parseXfcc(headers.twice)).toHaveLength(3);
  });

  it('is not swallowed by a quote that the client left open', () => {
    expect(parseXfcc(headers.openquote)).toBeUndefined();
  });
});

it.each([
  ['nothing', ''],
  ['no pair', 'By'],
  ['no key', '=x'],
  ['an unknown key', 'URI=a;Role=admin'],
  ['an empty element', 'URI=a,,URI=b'],
  ['an empty pair', 'URI=a;;Hash=b'],
  ['a comma in the end', 'URI=a,'],
  ['a semicolon in the end', 'URI=a;'],
  ['white space behind a comma', 'URI=a, URI=b'],
  ['white space in a value', 'URI=a b'],
  ['white space before a key', ' URI=a'],
  ['a quote in a plain value', 'URI=a"b"'],
  ['text behind a closing quote', 'Subject="a"b;URI=c'],
  ['a pair right behind a closing quote', 'Subject="a"xURI=c'],
  ['a space between elements', 'URI=a URI=b'],
  ['an open quote', 'Subject="a'],
  ['an open quote behind a backslash', 'Subject="a\\"'],
  ['a backslash in a plain value', 'URI=a\\;b'],
  ['two hashes', 'Hash=a;hash=b'],
  ['two certificates', 'Cert="a";Cert="b"'],
  ['two subjects', 'Subject="a";Subject="b"'],
  ['a line end in quotes', 'Subject="a\nb"'],
  ['a NUL', 'URI=a\0'],
  ['letters beyond ASCII', 'URI=spiffe://exämple'],
  ['more than its length', `URI=${'a'.repeat(MAX_XFCC_LENGTH)}`],
])('%s is refused', (_, header) => {
  expect(parseXfcc(header)).toBeUndefined();
});

it('reads any list of elements as it was written', () => {
  const value = fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map(code => String.fromCharCode(code)),
    maxLength: 12,
  });
  const pair = fc.tuple(fc.constantFrom('By', 'URI', 'DNS', 'Hash', 'Cert', 'Chain', 'Subject'), value);
  const element = fc.uniqueArray(pair, { minLength: 1, maxLength: 6, selector: ([key]) => key });
  const quote = (text: string) => (/^[!#-+\--:<-[\]-~]*$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`);
  fc.assert(
    fc.property(fc.array(element, { minLength: 1, maxLength: 4 }), elements => {
      const header = elements.map(pairs => pairs.map(([key, text]) => `${key}=${quote(text)}`).join(';')).join(',');
      const read = parseXfcc(header)?.map(each => [...each].map(([key, values]) => [key, ...values]));
      expect(read).toEqual(elements.map(pairs => pairs.map(([key, text]) => [key.toLowerCase(), text])));
    }),
  );
});

it('whatever a client sends first, the element that the proxy adds is refused or stays the last', () => {
  const proxy = 'By=spiffe://example.org/gateway;Hash=00;Subject="CN=a\\,b";URI=spiffe://example.org/x';
  const piece = fc.constantFrom('URI=', 'By=', 'Subject=', '"', '\\', ';', ',', 'a', '=', ' ', '\\"', 'Cert="x"');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
      const elements = parseXfcc(`${pieces.join('')},${proxy}`);
      if (elements === undefined) return;
      expect(Object.fromEntries(elements.at(-1) ?? [])).toEqual(Object.fromEntries(parseXfcc(proxy)?.[0] ?? []));
      expect(elements.length).toBeGreaterThan(1);
    }),
    { numRuns: 2000 },
  );
});

it('any text is read or refused, in time that grows with its length', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => void parseXfcc(text)));
  const from = performance.now();
  parseXfcc(`Subject="${'\\a'.repeat(16_000)}`);
  parseXfcc('URI=a;'.repeat(5000));
  parseXfcc('URI=a,'.repeat(5000));
  expect(performance.now() - from).toBeLessThan(500);
});
