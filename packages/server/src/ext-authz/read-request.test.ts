import { describe, expect, it } from 'vitest';
import { codeOf, TRACES } from '../fixture.test.support.ts';
import { captured, clientPem, encodeCheckRequest, rawHeader } from './check-request.test.support.ts';
import { MAX_HEADERS_LENGTH, readCheckRequest } from './read-request.ts';

const headersOf = (size: number) => ({ 'x-large': 'a'.repeat(size - 'x-large'.length) });

describe('readCheckRequest', () => {
  it('reads what a real Envoy sent', () => {
    const { headers, method, path, peer } = readCheckRequest(captured);
    expect({ method, path, peer }).toEqual({ method: 'POST', path: TRACES, peer: { address: '127.0.0.1' } });
    expect(headers).toMatchObject({
      'content-type': 'application/grpc',
      authorization: 'Bearer eyJhbGciOiJFUzI1NiJ9.eyJwcm9qZWN0IjoiZXhhbXBsZSJ9.bm90LWEtc2lnbmF0dXJl',
      'user-agent': 'OTel-OTLP-Exporter-JavaScript/0.223.1 grpc-node-js/1.14.7',
    });
  });

  it('skips everything that it has no use for', () => {
    const unknown = Buffer.from([0xa2, 0x06, 0x03, 1, 2, 3, 0x98, 0x06, 0x2a, 0xa5, 0x06, 0, 0, 0, 0]);
    const { headers, method, path, peer } = readCheckRequest(captured);
    expect(readCheckRequest(Buffer.concat([captured, unknown]))).toMatchObject({ headers, method, path, peer });
  });

  it('keeps headers that were sent twice apart where Envoy does (encode_raw_headers)', () => {
    const bytes = encodeCheckRequest({
      rawHeaders: [
        rawHeader('authorization', 'Bearer one'),
        rawHeader('authorization', 'Bearer two'),
        rawHeader('b', 'c'),
      ],
    });
    expect(readCheckRequest(bytes).headers).toEqual({ authorization: ['Bearer one', 'Bearer two'], b: ['c'] });
  });

  it('reads bytes that are no UTF-8 as what they are, and never as something else', () => {
    const bytes = encodeCheckRequest({ rawHeaders: [rawHeader('authorization', Buffer.from([0x42, 0xff, 0xc3]))] });
    expect(readCheckRequest(bytes).headers.authorization).toEqual(['B\u00ff\u00c3']);
    const text = encodeCheckRequest({ headers: { authorization: 'Bearer XX' } });
    text.set([0xff, 0xfe], text.indexOf('XX'));
    expect(readCheckRequest(text).headers.authorization).toBe('Bearer \u00ff\u00fe');
  });

  it('takes a header called __proto__ for no prototype', () => {
    const bytes = encodeCheckRequest({ rawHeaders: [rawHeader('__proto__', 'x'), rawHeader('authorization', 'y')] });
    const { headers } = readCheckRequest(bytes);
    expect(headers.authorization).toEqual(['y']);
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['no request', Buffer.from([0x0a, 0x00])],
    ['garbage', Buffer.from('garbage that is no protobuf at all')],
    ['a truncated message', captured.subarray(0, 100)],
    ['a length beyond the end', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x07])],
    ['a varint without end', Buffer.alloc(64, 0xff)],
    ['groups within groups', Buffer.alloc(10_000, 0x0b)],
  ])('refuses %s', async (_, bytes) => {
    expect(await codeOf(() => readCheckRequest(bytes))).toBe('request_malformed');
  });

  it('refuses more than 64 KiB of headers, joined or raw, and not less', async () => {
    const read = (bytes: Buffer) => codeOf(() => readCheckRequest(bytes));
    expect(await read(encodeCheckRequest({ headers: headersOf(MAX_HEADERS_LENGTH) }))).toBe('allowed');
    expect(await read(encodeCheckRequest({ headers: headersOf(MAX_HEADERS_LENGTH + 1) }))).toBe('request_too_large');
    const raw = Array.from({ length: 1000 }, (_, index) => rawHeader(`x-${index}`, 'a'.repeat(64)));
    expect(await read(encodeCheckRequest({ rawHeaders: raw }))).toBe('request_too_large');
  });

  it('knows the client certificate by its principal and thumbprint', () => {
    const principal = 'spiffe://example.org/edge-1';
    const bytes = encodeCheckRequest({ principal, certificate: encodeURIComponent(clientPem) });
    const { certificate } = readCheckRequest(bytes).peer;
    expect(certificate?.principal).toBe(principal);
    expect(certificate?.thumbprint).toBe('6SZNcoEs9MixHGhUtjw1SOiQ8oCMcgIaDnOXDihWOWI');
  });

  it('gives an unreadable certificate a thumbprint that fits nothing', async () => {
    for (const certificate of ['', '%', 'garbage', encodeURIComponent(clientPem.slice(0, 200))]) {
      const bytes = encodeCheckRequest({ principal: 'x', certificate });
      expect(readCheckRequest(bytes).peer.certificate?.thumbprint).toBe('');
    }
    const huge = encodeCheckRequest({ certificate: 'a'.repeat(40_000) });
    expect(await codeOf(() => readCheckRequest(huge))).toBe('request_too_large');
  });
});
