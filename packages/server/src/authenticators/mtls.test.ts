import { describe, expect, it } from 'vitest';
import type { CheckedRequest, PeerCertificate } from '../contract.ts';
import { createServer } from '../create-server.ts';
import { codeOf, createPiped, memoryKeys, now, requestWith } from '../fixture.test.support.ts';
import { AuthenticationError } from '../refusals.ts';
import { authenticatorSuite } from '../testing/index.ts';
import { mtls } from './mtls.ts';
import { pipedJwt } from './piped-jwt.ts';
import type { PipedSource } from './piped-source.ts';
import { memoryPipeds, recordOf, silentPipeds } from './pipeds.test.support.ts';

const template = 'spiffe://example.org/project/{project}/piped/{piped}';
const EDGE = 'spiffe://example.org/project/shop/piped/edge-1';
const withCertificate = (principal: string, authorization?: string): CheckedRequest =>
  requestWith(authorization, { peer: { address: '192.0.2.1', certificate: { principal, thumbprint: 'x' } } });
const serverOf = (pipeds: PipedSource) => createServer({ authenticators: [mtls({ template, pipeds })] });
const answerTo = (request: CheckedRequest, pipeds: PipedSource = memoryPipeds(recordOf())) =>
  codeOf(() => serverOf(pipeds).authenticate(request));

authenticatorSuite(
  {
    name: 'mtls',
    create() {
      const pipeds = memoryPipeds(recordOf());
      return {
        authenticator: mtls({ template, pipeds }),
        good: [withCertificate(EDGE), withCertificate(EDGE, '')],
        bad: [withCertificate(`${EDGE}/x`), withCertificate(EDGE.replace('edge-1', 'nobody'))],
        foreign: [withCertificate('spiffe://example.org/gateway'), withCertificate(EDGE, 'Bearer a.b.c')],
        change: () => pipeds.put(recordOf({ pipedStatus: 'disabled' })),
        stuck: { authenticator: mtls({ template, pipeds: silentPipeds }), request: withCertificate(EDGE) },
      };
    },
  },
  { describe, it },
);

describe('a client certificate', () => {
  it('is the piped that it names', async () => {
    const pipeds = memoryPipeds(recordOf({ scopes: ['traces', 'logs'] }));
    const found = serverOf(pipeds).authenticate(withCertificate(EDGE));
    expect(found).not.toBeInstanceOf(Promise);
    expect(await found).toEqual({
      project: 'shop',
      piped: 'edge-1',
      credentialId: EDGE,
      authenticator: 'mtls',
      scopes: ['traces', 'logs'],
      expiresAt: 253_402_300_799,
    });
  });

  it.each([
    ['names no piped', `${EDGE}/x`, 'certificate_untrusted'],
    ['names nobody who is registered', EDGE.replace('shop', 'bank'), 'piped_unknown'],
    ['begins otherwise', EDGE.replace('example.org', 'example.com'), 'credential_missing'],
    ['has no name', '', 'credential_missing'],
  ])('that %s is refused', async (_, principal, code) => {
    expect(await answerTo(withCertificate(principal))).toBe(code);
  });

  it('that is not there is no credential', async () => {
    expect(await answerTo(requestWith(undefined))).toBe('credential_missing');
    const hostile = { headers: { 'x-forwarded-client-cert': `URI=${EDGE}` } };
    expect(await answerTo(requestWith(undefined, hostile))).toBe('credential_missing');
  });

  it('of a disabled piped or project is refused, until it is enabled', async () => {
    const pipeds = memoryPipeds(recordOf({ pipedStatus: 'disabled' }));
    expect(await answerTo(withCertificate(EDGE), pipeds)).toBe('piped_disabled');
    pipeds.put(recordOf({ projectStatus: 'disabled' }));
    expect(await answerTo(withCertificate(EDGE), pipeds)).toBe('project_disabled');
    pipeds.put(recordOf());
    expect(await answerTo(withCertificate(EDGE), pipeds)).toBe('allowed');
  });

  it('never makes good for a credential that is shown with it', async () => {
    const { record, kid, sign } = await createPiped();
    const revoked = { ...record, keyStatus: 'revoked' as const };
    const server = createServer({
      authenticators: [
        mtls({ template, pipeds: memoryPipeds(recordOf()) }),
        pipedJwt({ keys: memoryKeys(new Map([[kid, revoked]])), now }),
      ],
    });
    expect(await codeOf(() => server.authenticate(withCertificate(EDGE)))).toBe('allowed');
    const shown = withCertificate(EDGE, `Bearer ${await sign()}`);
    expect(await codeOf(() => server.authenticate(shown))).toBe('key_revoked');
    expect(await codeOf(() => server.authenticate(withCertificate(EDGE, 'Basic YTpi')))).not.toBe('allowed');
    const twice = { ...withCertificate(EDGE), headers: { authorization: ['Bearer a', 'Bearer b'] } };
    expect(await codeOf(() => server.authenticate(twice))).toBe('credential_multiple');
  });

  it('does not ask for the thumbprint, which costs', async () => {
    const certificate: PeerCertificate = {
      principal: EDGE,
      get thumbprint(): string {
        throw new Error('asked');
      },
    };
    expect(await answerTo(requestWith(undefined, { peer: { address: '', certificate } }))).toBe('allowed');
  });

  it.each([
    [
      'undecided where the source can not be reached',
      () => Promise.reject(new Error('gone')),
      'key_source_unavailable',
    ],
    ['undecided where it does not answer in time', () => new Promise<never>(() => {}), 'key_source_unavailable'],
    ['as it says itself', () => Promise.reject(new AuthenticationError('shutting_down')), 'shutting_down'],
    ['later', async () => recordOf(), 'allowed'],
    ['later, if there is none', async () => undefined, 'piped_unknown'],
  ])('is answered %s', async (_, lookup, code) => {
    const authenticator = mtls({ template, pipeds: { peek: () => undefined, lookup }, lookupTimeoutMs: 20 });
    const server = createServer({ authenticators: [authenticator] });
    expect(await codeOf(() => server.authenticate(withCertificate(EDGE)))).toBe(code);
  });
});

it('refuses a template that says nothing, and a time that is none', () => {
  expect(() => mtls({ template: 'spiffe://example.org/', pipeds: silentPipeds })).toThrow(TypeError);
  expect(() => mtls({ template, pipeds: silentPipeds, lookupTimeoutMs: Number.NaN })).toThrow(TypeError);
});
