import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { CheckedRequest, PeerCertificate, Server } from '../../contract.ts';
import { codeOf, requestWith } from '../../fixture.test.support.ts';
import { SOMEBODY } from '../../testing/index.ts';
import { certificateThumbprint } from './certificate.ts';
import { type ForwardedCertificateOptions, withForwardedCertificates } from './forwarded-certificate.ts';

const { headers, certificates } = JSON.parse(
  readFileSync(new URL('./fixtures/envoy-1.40.0.json', import.meta.url), 'utf8'),
);
const HOP = '10.1.2.3';
const hopsOwn: PeerCertificate = { principal: 'spiffe://example.org/hop', thumbprint: 'hop' };
const EDGE = 'spiffe://example.org/project/shop/piped/edge-1';

/** The certificate that the server behind sees; the code where it is not asked. */
async function seen(
  xfcc: string | readonly string[] | undefined,
  { hops, ...peer }: Partial<ForwardedCertificateOptions> & Partial<CheckedRequest['peer']> = {},
): Promise<PeerCertificate | undefined | string> {
  let request: CheckedRequest | undefined;
  const inner: Server = {
    authenticate(asked) {
      request = asked;
      return SOMEBODY;
    },
  };
  const server = withForwardedCertificates(inner, { trustedHops: ['10.0.0.0/8'], ...(hops !== undefined && { hops }) });
  const code = await codeOf(() =>
    server.authenticate({
      ...requestWith('Bearer a'),
      headers: { 'x-forwarded-client-cert': xfcc },
      peer: { address: HOP, ...peer },
    }),
  );
  return code === 'allowed' ? request?.peer.certificate : code;
}

describe('a forwarded certificate', () => {
  it('is what a trusted hop says, in place of its own', async () => {
    const thumbprint = certificateThumbprint(certificates.good);
    expect(await seen(headers.good, { certificate: hopsOwn })).toEqual({ principal: EDGE, thumbprint });
    expect(await seen(headers.good, { address: '::ffff:10.1.2.3' })).toEqual({ principal: EDGE, thumbprint });
    expect(await seen(headers.odd)).toMatchObject({ principal: EDGE });
  });

  it('is none where a trusted hop says nothing, whatever certificate it has itself', async () => {
    expect(await seen(undefined, { certificate: hopsOwn })).toBeUndefined();
  });

  it('is not looked at when it comes from elsewhere', async () => {
    const certificate = { principal: 'spiffe://example.org/own' };
    expect(await seen(headers.good, { address: '192.0.2.1' })).toBeUndefined();
    expect(await seen(headers.good, { address: '192.0.2.1', certificate })).toBe(certificate);
    expect(await seen('URI=', { address: '' })).toBeUndefined();
    expect(await seen('"', { address: '192.0.2.1' })).toBeUndefined();
  });

  it('may be given by names alone', async () => {
    const hash = 'ab'.repeat(32);
    const thumbprint = Buffer.from(hash, 'hex').toString('base64url');
    expect(await seen(`Hash=${hash};URI=${EDGE};DNS=a`)).toEqual({ principal: EDGE, thumbprint });
    expect(await seen(`Hash=${hash};URI=;DNS=a;DNS=b`)).toEqual({ principal: 'a', thumbprint });
    expect(await seen(`URI=${EDGE}`)).toEqual({ principal: EDGE });
    expect(await seen('Subject="CN=a"')).toEqual({ principal: '' });
  });

  it('is that of the first hop, where several write', async () => {
    expect(await seen(`URI=${EDGE},URI=spiffe://example.org/hop`, { hops: 2 })).toEqual({ principal: EDGE });
    expect(await seen(`URI=${EDGE}`, { hops: 2 })).toBe('certificate_malformed');
  });

  it.each([
    ['more elements than hops: what the client sent', () => headers.appended],
    ['more elements than hops: a name that breaks out of its element', () => headers.inject],
    ['a name that holds white space', () => headers.dnsinject],
    ['a quote that the client left open', () => headers.openquote],
    ['two URIs in the certificate', () => headers.two],
    ['two URIs and no certificate', () => `URI=${EDGE};URI=${EDGE}`],
    ["a digest that is not the certificate's", () => headers.good.replace(/Hash=../, 'Hash=00')],
    ['a digest that is none', () => `Hash=abc;URI=${EDGE}`],
    ['a certificate that is none', () => `Cert="AAAA";URI=${EDGE}`],
    ['a certificate that is not percent-encoded', () => `Cert="%";URI=${EDGE}`],
    ['nothing in it', () => ''],
    ['the header twice', () => [`URI=${EDGE}`, `URI=${EDGE}`]],
    ['the header once in a list', () => [`URI=${EDGE}`]],
  ])('is refused with %s', async (_, header) => {
    expect(await seen(header())).toBe('certificate_malformed');
  });

  it('counts by its own names, whatever stands beside it', async () => {
    const forged = headers.good.replace(`URI=${EDGE}`, 'URI=spiffe://example.org/project/bank/piped/edge-9');
    expect(await seen(forged)).toMatchObject({ principal: EDGE });
  });
});

it.each([{ trustedHops: [] }, { trustedHops: ['0.0.0.0/0'] }, { trustedHops: ['10.0.0.1'], hops: 0 }])(
  'refuses %o',
  options => {
    expect(() => withForwardedCertificates({ authenticate: () => SOMEBODY }, options)).toThrow(TypeError);
  },
);
