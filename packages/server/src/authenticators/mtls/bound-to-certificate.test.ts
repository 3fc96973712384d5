import { describe, expect, it } from 'vitest';
import type { CheckedRequest } from '../../contract.ts';
import { codeOf, requestWith } from '../../fixture.test.support.ts';
import { AuthenticationError } from '../../refusals.ts';
import { SOMEBODY } from '../../testing/index.ts';
import { boundToCertificate } from './bound-to-certificate.ts';

const template = 'spiffe://example.org/project/{project}/piped/{piped}';
const shownBy = (principal: string | undefined): CheckedRequest => {
  const address = '192.0.2.1';
  return {
    ...requestWith('Bearer a'),
    peer: principal === undefined ? { address } : { address, certificate: { principal } },
  };
};

describe.each([
  ['a known answer', boundToCertificate({ authenticate: () => SOMEBODY }, { template })],
  ['a promised answer', boundToCertificate({ authenticate: async () => SOMEBODY }, { template })],
])('%s', (_, server) => {
  it('passes with the certificate of the same piped', async () => {
    const { project, piped } = SOMEBODY;
    const request = shownBy(`spiffe://example.org/project/${project}/piped/${piped}`);
    expect(await server.authenticate(request)).toBe(SOMEBODY);
  });

  it.each([
    ['of another piped', `spiffe://example.org/project/${SOMEBODY.project}/piped/edge-2`],
    ['of another project', `spiffe://example.org/project/bank/piped/${SOMEBODY.piped}`],
    ['of something else', 'spiffe://example.org/gateway'],
    ['with an empty name', ''],
    ['that is not there', undefined],
  ])('is refused with a certificate %s', async (_, principal) => {
    expect(await codeOf(() => server.authenticate(shownBy(principal)))).toBe('certificate_mismatch');
  });
});

it('leaves refusals as they are', async () => {
  const refusing = { authenticate: () => Promise.reject(new AuthenticationError('expired')) };
  const server = boundToCertificate(refusing, { template });
  expect(await codeOf(() => server.authenticate(shownBy(undefined)))).toBe('expired');
});

it('refuses a template that says nothing', () => {
  expect(() => boundToCertificate({ authenticate: () => SOMEBODY }, { template: 'x' })).toThrow(TypeError);
});
