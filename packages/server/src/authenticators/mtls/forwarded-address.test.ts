import { expect, it } from 'vitest';
import type { Server } from '../../contract.ts';
import { requestWith } from '../../fixture.test.support.ts';
import { AuthenticationError } from '../../refusals.ts';
import { withForwardedCertificates } from './forwarded-certificate.ts';

/** The address that failed tries of such a request are counted by. */
function addressOf(forwarded: string | readonly string[] | undefined, peer = '10.0.0.2'): string {
  let seen = '';
  const inner: Server = {
    authenticate: ({ peer: { address } }) => {
      seen = address;
      throw new AuthenticationError('credential_missing');
    },
  };
  const server = withForwardedCertificates(inner, { trustedHops: ['10.0.0.0/8'] });
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  expect(() => server.authenticate(requestWith(undefined, { headers, peer: { address: peer } }))).toThrow();
  return seen;
}

it.each([
  ['one proxy', '203.0.113.9, 10.0.0.2', '203.0.113.9'],
  ['several proxies', '203.0.113.9,10.0.0.1, 10.0.0.2', '203.0.113.9'],
  ['what a client wrote before', '198.51.100.1, 10.9.9.9, 203.0.113.9, 10.0.0.2', '203.0.113.9'],
  ['a header sent twice', ['198.51.100.1', '203.0.113.9, 10.0.0.2'], '203.0.113.9'],
  ['IPv6', '2001:db8::9, 10.0.0.2', '2001:db8::9'],
] as const)('is what trusted proxies say: %s', (_, forwarded, address) => {
  expect(addressOf(forwarded)).toBe(address);
});

it.each([
  ['nothing', undefined],
  ['an empty header', ''],
  ['no address', 'unknown, 10.0.0.2'],
  ['proxies only', '10.0.0.1, 10.0.0.2'],
  ['too long', `${'203.0.113.9, '.repeat(100)}10.0.0.2`],
] as const)("is the proxy's own where they say %s", (_, forwarded) => {
  expect(addressOf(forwarded)).toBe('10.0.0.2');
});

it('is not what anybody else says', () => {
  expect(addressOf('203.0.113.9, 192.0.2.1', '192.0.2.1')).toBe('192.0.2.1');
});
