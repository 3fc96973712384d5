import { digestOf, ISSUER, RENEWAL_URL } from './credentials.ts';
import type { Keep } from './kept.ts';
import { publishedKeys } from './keys.ts';
import { credentialOf, NOW, proofOf } from './sign.ts';

const keys = publishedKeys();
const edge = { project: 'shop', piped: 'edge-1' };
const PLANE = 'https://pass.example.com';
/** Well-formed, and never issued. */
const ENROLLMENT_TOKEN = 'spanpass_enroll_ExampleOfAnEnrollmentTokenThatNobodyIssued03x1Bf3';
const JSON_TYPE = 'application/json';

const thumbprints = [
  {
    title: 'RFC 7638 section 3.1',
    jwk: {
      kty: 'RSA',
      n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
      e: 'AQAB',
    },
    kid: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
  },
  {
    title: 'RFC 8037 appendix A.3',
    jwk: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
    kid: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  },
];

/** The kid of a key is its thumbprint. */
export function thumbprintVectors() {
  return {
    about: 'Thumbprints by RFC 7638, SHA-256, base64url.',
    cases: [
      ...thumbprints,
      ...Object.entries(keys).map(([name, { publicJwk, kid }]) => ({ title: name, jwk: publicJwk, kid })),
    ],
  };
}

/** Proofs that a new key is held by whoever asks for it. */
export function possessionVectors(keep: Keep) {
  const of = keys.es256;
  const boundTo = ENROLLMENT_TOKEN;
  const digest = digestOf(boundTo);
  const proof = (header = {}, claims = {}, pair = of) => proofOf(pair, digest, header, claims);
  const good = (title: string, token: string, bound = boundTo, pair = of) => ({
    ...{ title, boundTo: bound, alg: pair.alg, publicJwk: pair.publicJwk, token },
    answer: 'accepted',
  });
  const bad = (title: string, reason: string, token: string, bound = boundTo) => ({
    ...{ title, boundTo: bound, alg: of.alg, publicJwk: of.publicJwk, token },
    ...{ answer: 'refused', reason },
  });
  const cases = [
    good('for an enrollment token', proof()),
    good('for the key that is renewed', proofOf(of, digestOf(keys.victim.kid)), keys.victim.kid),
    good('for an upload by an administrator', proofOf(of, digestOf('shop/edge-1')), 'shop/edge-1'),
    good('by an Ed25519 key', proof({}, {}, keys.eddsa), boundTo, keys.eddsa),
    good('by a clock that is a minute ahead', proof({}, { iat: NOW + 60, exp: NOW + 120 })),
    bad('for another enrollment token', 'body_mismatch', proof(), `${ENROLLMENT_TOKEN}x`),
    bad('the token itself instead of its digest', 'claims_malformed', proof({}, { bound_to: boundTo })),
    bad('a credential instead of a proof', 'typ_mismatch', proof({ typ: 'piped+jwt' })),
    bad('of another key', 'kid_mismatch', proof({}, {}, keys.stranger)),
    bad("signed by another key under this one's kid", 'signature_invalid', proof({ kid: of.kid }, {}, keys.stranger)),
    bad('for another audience', 'claims_malformed', proof({}, { aud: 'spanpass-gateway' })),
    bad('good for 61 seconds', 'lifetime_invalid', proof({}, { exp: NOW + 61 })),
    bad('over since this second, the skew included', 'expired', proof({}, { iat: NOW - 120, exp: NOW - 60 })),
    bad('from the future', 'issued_in_future', proof({}, { iat: NOW + 61, exp: NOW + 121 })),
    bad('no jti', 'claims_malformed', proof({}, { jti: undefined })),
    bad('not signed', 'credential_malformed', `${proof().split('.').slice(0, 2).join('.')}.`),
  ];
  return {
    about: 'Proofs of possession at the moment `now`. `boundTo` is what the request is about.',
    now: NOW,
    clockSkewSeconds: 60,
    cases: cases.map(each => ({ ...each, token: keep(each.title, each.token) })),
  };
}

const recordOf = (pair: typeof keys.es256, revision: number) => ({
  v: 1,
  ...{ kid: pair.kid, alg: pair.alg, ...edge, publicJwk: pair.publicJwk, scopes: ['traces', 'metrics', 'logs'] },
  ...{ keyStatus: 'active', pipedStatus: 'active', projectStatus: 'active' },
  ...{ notBefore: NOW, notAfter: NOW + 7_776_000, revision },
});

const keyFileOf = (pair: typeof keys.es256) => ({
  v: 1,
  ...{ kid: pair.kid, alg: pair.alg, ...edge, audience: 'spanpass-gateway', controlPlane: PLANE },
  ...{ notAfter: NOW + 7_776_000, issuedAt: NOW, privateJwk: pair.privateJwk },
});

const pendingOf = (pair: typeof keys.es256) => ({
  v: 1,
  status: 'pending',
  kid: pair.kid,
  alg: pair.alg,
  privateJwk: pair.privateJwk,
});

/** One enrollment from the pending key to the key file. */
export function enrollmentVector(keep: Keep) {
  const pair = keys.es256;
  const token = keep('the proof', proofOf(pair, digestOf(ENROLLMENT_TOKEN)));
  const body = { enrollmentToken: ENROLLMENT_TOKEN, publicJwk: pair.publicJwk, alg: pair.alg, proof: token };
  return {
    about:
      'An enrollment at the moment `now`: what lies on disk before, what is sent, what is answered, and what lies there then.',
    now: NOW,
    pendingFile: pendingOf(pair),
    proof: { title: 'the proof', token },
    request: { method: 'POST', url: `${PLANE}/v1/enroll`, headers: { 'content-type': JSON_TYPE }, body },
    response: {
      status: 201,
      body: { record: recordOf(pair, 2), gatewayAudience: 'spanpass-gateway', controlPlane: PLANE },
    },
    keyFile: keyFileOf(pair),
  };
}

/** One renewal: the current key signs for the body's bytes, the new one proves itself. */
export function renewalVector(keep: Keep) {
  const [current, next] = [keys.es256, keys.next];
  const proof = keep('the proof of the new key', proofOf(next, digestOf(current.kid)));
  const body = JSON.stringify({ publicJwk: next.publicJwk, alg: next.alg, proof });
  const bodyHash = digestOf(body);
  const claims = { aud: RENEWAL_URL, body_hash: bodyHash };
  const token = keep('the credential of the current key', credentialOf(current, edge, 'renewal', claims));
  return {
    about: 'A renewal at the moment `now`. The hash is of the bytes of `bodyText` as they are sent.',
    now: NOW,
    keyFileBefore: keyFileOf(current),
    pendingFile: pendingOf(next),
    proof: { title: 'the proof of the new key', token: proof },
    bodyText: body,
    bodyHash,
    credential: { title: 'the credential of the current key', token },
    request: {
      method: 'POST',
      url: RENEWAL_URL,
      headers: { 'content-type': JSON_TYPE, authorization: `Bearer ${token}` },
    },
    response: { status: 201, body: { record: recordOf(next, 3) } },
    keyFile: keyFileOf(next),
  };
}

/** One exchange, the form as it is sent. */
export function exchangeVector(keep: Keep) {
  const token = keep('the assertion', credentialOf(keys.es256, edge, 'tokenExchange', { aud: ISSUER }));
  return {
    about: 'An exchange for an access token at the moment `now` (RFC 6749 section 4.4, RFC 7523 section 2.2).',
    now: NOW,
    assertion: { title: 'the assertion', token },
    request: {
      method: 'POST',
      url: `${ISSUER}/oauth2/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      form: {
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: token,
        scope: 'traces',
      },
    },
  };
}

/** Key files and pending keys, good and bad. */
export function keyFileVectors() {
  const file = keyFileOf(keys.es256);
  const { issuedAt: _, ...older } = file;
  const { privateJwk: __, ...keyless } = file;
  const { privateJwk } = keys.es256;
  const good = (title: string, format: 'key file' | 'pending key', content: unknown) => ({
    ...{ title, format, content, answer: 'accepted' },
  });
  const bad = (title: string, reason: 'invalid_format' | 'unknown_version', content: unknown) => ({
    ...{ title, format: 'key file', content, answer: 'refused', reason },
  });
  return {
    about: 'Contents of key files and pending key files.',
    cases: [
      good('as it is after an enrollment', 'key file', file),
      good('without issuedAt, as it once was written', 'key file', older),
      ...(['eddsa', 'rs256', 'ps256'] as const).map(name =>
        good(`with an ${keys[name].alg} key`, 'key file', keyFileOf(keys[name])),
      ),
      good('a pending key', 'pending key', pendingOf(keys.next)),
      bad('of a later version', 'unknown_version', { ...file, v: 2 }),
      bad('of no version', 'unknown_version', { ...file, v: undefined }),
      bad('a member that nobody knows', 'invalid_format', { ...file, note: 'hello' }),
      bad('the kid of another key', 'invalid_format', { ...file, kid: keys.next.kid }),
      bad('no private key', 'invalid_format', keyless),
      bad('half of a private key', 'invalid_format', { ...file, privateJwk: { ...privateJwk, d: undefined } }),
      bad('a private key of another algorithm', 'invalid_format', { ...file, alg: 'EdDSA' }),
      bad('an algorithm that nobody has', 'invalid_format', { ...file, alg: 'HS256' }),
      bad('an id with a blank', 'invalid_format', { ...file, piped: 'edge 1' }),
      bad('a control plane that is no URL', 'invalid_format', { ...file, controlPlane: 'pass.example.com' }),
      bad('a list', 'invalid_format', [file]),
    ],
  };
}
