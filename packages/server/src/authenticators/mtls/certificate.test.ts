import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { certificateThumbprint, peerCertificate, thumbprintOfHex } from './certificate.ts';
import { parseXfcc } from './xfcc.ts';

const fixture = JSON.parse(readFileSync(new URL('./fixtures/envoy-1.40.0.json', import.meta.url), 'utf8'));
const pem: string = fixture.certificates.good;
const der = Buffer.from(pem.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64');

describe('the thumbprint of a certificate', () => {
  it('is what Envoy writes, in another encoding', () => {
    const hex = parseXfcc(fixture.headers.good)?.[0]?.get('hash')?.[0] ?? '';
    expect(certificateThumbprint(pem)).toBe(thumbprintOfHex(hex));
    expect(certificateThumbprint(der)).toBe(thumbprintOfHex(hex));
    expect(certificateThumbprint(new Uint8Array(der))).toBe(thumbprintOfHex(hex));
    expect(Buffer.from(certificateThumbprint(pem) ?? '', 'base64url').toString('hex')).toBe(hex);
  });

  it('is the example of RFC 8705 section 3.1, and appendix A', () => {
    // The certificate of the appendix, whose thumbprint stands in its tokens.
    const example =
      'MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAxODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwIDSQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOVbUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=';
    expect(certificateThumbprint(Buffer.from(example, 'base64'))).toBe('A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0');
  });

  it.each([
    ['nothing', ''],
    ['no certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
    ['a text', 'certificate'],
    ['two certificates', `${pem}${pem}`],
    ['a certificate and a key', `${pem}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n`],
    ['a certificate with bytes behind it', Buffer.concat([der, Buffer.from([0])])],
    ['a certificate that ends early', der.subarray(0, -1)],
    ['PEM in bytes', Buffer.from(pem)],
    ['more than its length', `${pem}${' '.repeat(65_536)}`],
  ])('of %s is none', (_, certificate) => {
    expect(certificateThumbprint(certificate)).toBeUndefined();
    expect(peerCertificate(certificate)).toBeUndefined();
  });
});

describe('the principal of a certificate', () => {
  it.each([
    ['its URI, before all DNS names', 'good', 'spiffe://example.org/project/shop/piped/edge-1'],
    ['empty without a name', 'none', ''],
    [
      'a URI as a whole, commas and all',
      'inject',
      'spiffe://example.org/x,By=a;Hash=b;URI=spiffe://example.org/project/bank/piped/edge-9',
    ],
    [
      'a DNS name as a whole, as if it listed others',
      'dnsinject',
      'a, URI:spiffe://example.org/project/bank/piped/edge-9, b',
    ],
  ])('is %s', (_, name, principal) => {
    expect(peerCertificate(fixture.certificates[name])).toEqual({
      principal,
      thumbprint: certificateThumbprint(fixture.certificates[name]),
    });
  });

  it('is none of two URIs', () => {
    expect(peerCertificate(fixture.certificates.two)).toBeUndefined();
  });
});

it.each(['', 'zz', 'a'.repeat(63), 'a'.repeat(65), `${'a'.repeat(63)}\n`])('%j is no digest', hex => {
  expect(thumbprintOfHex(hex)).toBeUndefined();
});
