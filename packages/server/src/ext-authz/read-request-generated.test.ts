import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AuthorizationAtHand } from '../authorization-at-hand.ts';
import { CheckRequest, type HeaderValue } from '../generated/ext_authz.ts';
import { AuthenticationError } from '../refusals.ts';
import { captured, encodeCheckRequest, rawHeader } from './check-request.test.support.ts';
import { readCheckRequest } from './read-request.ts';

/** What a decoder of all the fields, made from Envoy's own .proto files, finds in the bytes. */
function readWithGenerated(bytes: Buffer) {
  const { source, request } = CheckRequest.decode(bytes).attributes ?? {};
  const http = request?.http;
  if (http === undefined) return undefined;
  const joined = Object.entries(http.headers).map(([key, value]) => [bytewise(key), bytewise(value)] as const);
  const lists = new Map<string, string | string[]>(joined);
  const raw: readonly HeaderValue[] = http.headerMap?.headers ?? [];
  if (raw.length > 0) for (const [name, value] of lists) lists.set(name, [value as string]);
  for (const { key, value, rawValue } of raw) {
    const text = rawValue.length > 0 ? rawValue.toString('latin1') : bytewise(value);
    lists.set(bytewise(key), [...((lists.get(bytewise(key)) as string[] | undefined) ?? []), text]);
  }
  return {
    headers: Object.fromEntries(lists),
    method: bytewise(http.method),
    path: bytewise(http.path),
    address: source?.address?.socketAddress?.address ?? '',
    principal: source?.principal ?? '',
  };
}

/** A character for each byte of its UTF-8. */
function bytewise(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function read(bytes: Buffer) {
  const request = readCheckRequest(bytes);
  const { headers, method, path, peer } = request;
  // It is read without the headers, and never another one.
  expect((readCheckRequest(bytes) as AuthorizationAtHand).authorization).toEqual(headers.authorization);
  return { headers, method, path, address: peer.address, principal: peer.certificate?.principal ?? '' };
}

const REPLACED = bytewise('\ufffd');

const name = fc.oneof(fc.stringMatching(/^[a-z:-]{1,12}$/), fc.constantFrom('authorization', 'authorizatiom'));
const parts = fc.record({
  headers: fc.dictionary(name, fc.string({ unit: 'binary', maxLength: 40 }), { noNullPrototype: true }),
  rawHeaders: fc.array(fc.tuple(name, fc.uint8Array({ maxLength: 20 })), { maxLength: 4 }),
  path: fc.string({ maxLength: 40 }),
  principal: fc.string({ maxLength: 20 }),
});

describe('readCheckRequest beside the decoder that was generated', () => {
  it('finds the same in whatever a gateway may send', () => {
    fc.assert(
      fc.property(parts, ({ rawHeaders, ...rest }) => {
        const raw = rawHeaders.map(([key, value]) => rawHeader(key, Buffer.from(value)));
        const bytes = encodeCheckRequest({ ...rest, rawHeaders: raw });
        expect(read(bytes)).toEqual(readWithGenerated(bytes));
      }),
    );
  });

  it('finds the same, or refuses, in bytes that were damaged on the way', () => {
    const change = fc.tuple(fc.nat(captured.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), changes => {
        const bytes = Buffer.from(captured);
        for (const [at, byte] of changes) bytes[at] = byte;
        let found: ReturnType<typeof read>;
        try {
          found = read(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^request_/) });
          expect(error).toBeInstanceOf(AuthenticationError);
          return;
        }
        const generated = readWithGenerated(bytes);
        // The other one puts U+FFFD in the place of what is no UTF-8.
        if (!JSON.stringify(generated).includes(REPLACED)) expect(found).toEqual(generated);
      }),
      { numRuns: 5000 },
    );
  });

  it('takes the last of two messages where one belongs, and nothing of the first', () => {
    const first = encodeCheckRequest({ headers: { authorization: 'a', b: 'c' }, principal: 'first' });
    const second = encodeCheckRequest({ headers: { authorization: 'd' } });
    const both = Buffer.concat([first, second]);
    expect(read(both)).toEqual(readWithGenerated(both));
    expect(read(both)).toEqual(read(second));
  });
});
