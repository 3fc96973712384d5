import { createHash } from 'node:crypto';
import { type Algorithm, DEFAULT_GATEWAY_AUDIENCE, type KeyPair, type KeyRecord } from '@spanpass/credential';
import type { Members } from '../attacks/forge.ts';
import { HOSTILE_CREDENTIALS } from '../attacks/hostile-credentials.ts';
import { type Keep, signedPart } from './kept.ts';
import { type KeyName, publishedKeys } from './keys.ts';
import { credentialOf, NOW, type Owner, signed } from './sign.ts';

/** One credential, and what a verifier must say to it at `now`. */
export interface CredentialVector {
  readonly title: string;
  /** The section of an RFC whose rule is broken. */
  readonly source?: string;
  readonly purpose: 'gateway' | 'renewal' | 'tokenExchange';
  readonly audience: string;
  /** base64url SHA-256 of the body that came with it. */
  readonly bodyHash?: string;
  /** What is different in the record of the key for this one. */
  readonly record?: Partial<KeyRecord>;
  readonly token: string;
  readonly answer: 'accepted' | 'refused';
  readonly reason?: string;
  readonly principal?: Owner & { readonly kid: string };
}

export interface CredentialVectors {
  readonly about: string;
  readonly now: number;
  readonly clockSkewSeconds: number;
  readonly records: Readonly<Record<string, KeyRecord>>;
  readonly cases: readonly CredentialVector[];
}

const keys = publishedKeys();
const owners: Readonly<Partial<Record<KeyName, Owner>>> = {
  es256: { project: 'shop', piped: 'edge-1' },
  eddsa: { project: 'shop', piped: 'edge-ed' },
  rs256: { project: 'shop', piped: 'edge-rsa' },
  ps256: { project: 'shop', piped: 'edge-ps' },
  victim: { project: 'bank', piped: 'edge-1' },
};

export const RENEWAL_URL = 'https://pass.example.com/v1/renew';
export const ISSUER = 'https://pass.example.com';

export function digestOf(data: string): string {
  return createHash('sha256').update(data).digest('base64url');
}

function records(): Record<string, KeyRecord> {
  return Object.fromEntries(
    Object.entries(owners).map(([name, owner]) => {
      const { kid, alg, publicJwk } = keys[name as KeyName];
      const times = { notBefore: NOW - 86_400, notAfter: NOW + 7_776_000 };
      const states = { keyStatus: 'active', pipedStatus: 'active', projectStatus: 'active' } as const;
      return [kid, { v: 1, kid, alg, ...owner, publicJwk, scopes: ['traces'], ...states, ...times, revision: 1 }];
    }),
  );
}

const gateway = { purpose: 'gateway', audience: DEFAULT_GATEWAY_AUDIENCE } as const;
const renewal = { purpose: 'renewal', audience: RENEWAL_URL, bodyHash: digestOf('{}') } as const;
const exchange = { purpose: 'tokenExchange', audience: ISSUER } as const;

type Door = typeof gateway | typeof renewal | typeof exchange;

const edge: Owner = { project: 'shop', piped: 'edge-1' };

function made(door: Door, claims: Members = {}, pair: KeyPair = keys.es256, owner: Owner = edge): string {
  const bound = 'bodyHash' in door ? { body_hash: door.bodyHash } : {};
  return credentialOf(pair, owner, door.purpose, { aud: door.audience, ...bound, ...claims });
}

const good = (
  title: string,
  door: Door,
  token: string,
  owner: Owner & { readonly kid: string } = { ...edge, kid: keys.es256.kid },
): CredentialVector => ({ title, ...door, token, answer: 'accepted', principal: owner });

const bad = (
  title: string,
  source: string,
  reason: string,
  door: Door,
  token: string,
  record?: Partial<KeyRecord>,
): CredentialVector => ({ title, source, ...door, ...(record && { record }), token, answer: 'refused', reason });

function ofAlgorithm(alg: Algorithm): CredentialVector {
  const name = alg.toLowerCase() as KeyName;
  const owner = owners[name] ?? edge;
  return good(`${alg}, to the gateway`, gateway, made(gateway, {}, keys[name], owner), {
    ...owner,
    kid: keys[name].kid,
  });
}

/** What every door lets through, and what is refused for its times, its purpose, or the state of its key. */
export function credentialVectors(keep: Keep): CredentialVectors {
  const life = (iat: number, exp: number) => made(gateway, { iat, exp });
  const cases: CredentialVector[] = [
    ...(['ES256', 'EdDSA', 'RS256', 'PS256'] as const).map(ofAlgorithm),
    good('to renew, bound to the body', renewal, made(renewal)),
    good('to exchange for an access token', exchange, made(exchange)),
    good('aud as a list of one', gateway, made(gateway, { aud: [gateway.audience] })),
    good('a claim that nobody asked for', gateway, made(gateway, { note: 'hello' })),
    good('nbf that has come', gateway, made(gateway, { nbf: NOW })),
    good('bound to a certificate', gateway, made(gateway, { cnf: { 'x5t#S256': digestOf('certificate') } })),
    good('as long a life as there may be', gateway, life(NOW, NOW + 900)),
    good('as short a life as there may be', gateway, life(NOW, NOW + 1)),
    good('issued a minute ahead, and no second more', gateway, life(NOW + 60, NOW + 360)),
    good('in its last second, the skew included', gateway, life(NOW - 359, NOW - 59)),
    bad(
      'issued more than a minute ahead',
      'RFC 7519 section 4.1.6',
      'issued_in_future',
      gateway,
      life(NOW + 61, NOW + 361),
    ),
    bad(
      'over since this second, the skew included',
      'RFC 7519 section 4.1.4',
      'expired',
      gateway,
      life(NOW - 360, NOW - 60),
    ),
    bad('a second too long', 'RFC 8725 section 3.8', 'lifetime_invalid', gateway, life(NOW, NOW + 901)),
    bad(
      'a renewal for 61 seconds',
      'RFC 8725 section 3.8',
      'lifetime_invalid',
      renewal,
      made(renewal, { exp: NOW + 61 }),
    ),
    bad(
      'an exchange for 61 seconds',
      'RFC 8725 section 3.8',
      'lifetime_invalid',
      exchange,
      made(exchange, { exp: NOW + 61 }),
    ),
    bad(
      'a renewal bound to another body',
      'RFC 8725 section 3.9',
      'body_mismatch',
      renewal,
      made(renewal, { body_hash: digestOf('[]') }),
    ),
    bad(
      'a renewal bound to no body',
      'RFC 8725 section 3.9',
      'body_mismatch',
      renewal,
      made(renewal, { body_hash: undefined }),
    ),
    bad(
      'a renewal at another URL',
      'RFC 7519 section 4.1.3',
      'audience_mismatch',
      renewal,
      made(renewal, { aud: 'https://pass.example.org/v1/renew' }),
    ),
    bad(
      'an exchange with another issuer',
      'RFC 7519 section 4.1.3',
      'audience_mismatch',
      exchange,
      made(exchange, { aud: 'https://pass.example.org' }),
    ),
    ...[gateway, renewal, exchange].flatMap(from =>
      [gateway, renewal, exchange]
        .filter(to => to !== from)
        .map(to => {
          const title = `made for ${from.purpose}, shown for ${to.purpose}`;
          return bad(title, 'RFC 8725 section 3.11', 'typ_mismatch', to, made(from, { aud: to.audience }));
        }),
    ),
    bad('longer than 8 KiB', 'section 3.1 of this specification', 'credential_too_large', gateway, 'a'.repeat(8193)),
    bad(
      'cnf in a form that nobody knows',
      'RFC 7800 section 3',
      'claims_malformed',
      gateway,
      made(gateway, { cnf: { jkt: digestOf('key') } }),
    ),
    bad(
      "a header member that binds to a certificate's hash is known, one that brings a certificate is not",
      'RFC 7515 section 4.1.6',
      'header_forbidden',
      gateway,
      signed(
        keys.es256,
        { alg: 'ES256', kid: keys.es256.kid, typ: 'piped+jwt', x5c: [] },
        { ...edge, iss: 'edge-1', sub: 'edge-1', aud: gateway.audience, iat: NOW, exp: NOW + 300, jti: '1' },
      ),
    ),
    ...(
      [
        ['the key was revoked', 'key_revoked', { keyStatus: 'revoked' }],
        ['the key was retired', 'key_retired', { keyStatus: 'retired' }],
        ['the life of the key begins in a second', 'key_not_yet_valid', { notBefore: NOW + 1 }],
        ['the life of the key ends now: no skew', 'key_expired', { notAfter: NOW }],
        ['the piped is disabled', 'piped_disabled', { pipedStatus: 'disabled' }],
        ['the project is disabled', 'project_disabled', { projectStatus: 'disabled' }],
      ] as const
    ).map(([title, reason, record]) =>
      bad(title, 'section 4 of this specification', reason, gateway, made(gateway), record),
    ),
  ];
  return {
    about:
      'Credentials of every purpose at the moment `now`. `record` is laid over the record of the key in `records`.',
    now: NOW,
    clockSkewSeconds: 60,
    records: records(),
    cases: cases.map(each => ({ ...each, token: keep(each.title, each.token) })),
  };
}

/** The table of attacks, made with the published keys. */
export function hostileVectors(keep: Keep): CredentialVectors {
  const arms = { mine: keys.es256, rsa: keys.rs256, victim: keys.victim, stranger: keys.stranger, nowSeconds: NOW };
  return {
    about:
      'Credentials that every verifier must refuse at the moment `now`. Each breaks one rule, which `source` names.',
    now: NOW,
    clockSkewSeconds: 60,
    records: records(),
    cases: HOSTILE_CREDENTIALS.filter(({ make }) => isRepeatable(() => make(arms))).map(
      ({ title, source, code, make }) => bad(title, source, code, gateway, keep(title, make(arms))),
    ),
  };
}

/** Where a signature is within what is signed, or spelled otherwise, it is another text each time. */
function isRepeatable(make: () => string): boolean {
  const [first, second] = [make(), make()];
  return signedPart(first) === signedPart(second);
}
