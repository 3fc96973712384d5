import { createPublicKey } from 'node:crypto';
import {
  type Arms,
  altered,
  der,
  encode,
  forge,
  goodClaims,
  goodHeader,
  hmac,
  P256_ORDER,
  signature,
  texts,
  withSignature,
} from './forge.ts';

/** One credential that must be refused: why (a section of an RFC), with which code, and how it is made. */
export interface HostileCredential {
  readonly title: string;
  readonly source: string;
  readonly code: string;
  readonly make: (arms: Arms) => string;
}

const row = (source: string, code: string, title: string, make: HostileCredential['make']): HostileCredential => ({
  source,
  code,
  title,
  make,
});

const publicPem = (arms: Arms) =>
  createPublicKey({ key: arms.victim.publicJwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
const unsigned = (arms: Arms, alg: string) =>
  `${encode({ ...goodHeader(arms.victim), alg })}.${encode({ ...goodClaims(arms), project: 'bank' })}`;

const algorithms: HostileCredential[] = [
  ...['none', 'None', 'NONE', 'nOnE'].map(alg =>
    row(
      'RFC 8725 section 2.1',
      'credential_malformed',
      `alg ${alg} and no signature`,
      arms => `${unsigned(arms, alg)}.`,
    ),
  ),
  row('RFC 8725 section 2.1', 'algorithm_mismatch', 'alg none with a signature', arms =>
    altered(arms, { alg: 'none' }),
  ),
  row('RFC 8725 section 2.1', 'algorithm_mismatch', "HS256 under the victim's public key as PEM", arms =>
    hmac(publicPem(arms), { ...goodHeader(arms.victim), alg: 'HS256' }, { ...goodClaims(arms), project: 'bank' }),
  ),
  row('RFC 8725 section 2.1', 'algorithm_mismatch', "HS256 under the victim's public key as JWK", arms =>
    hmac(JSON.stringify(arms.victim.publicJwk), { ...goodHeader(arms.victim), alg: 'HS256' }, goodClaims(arms)),
  ),
  row('RFC 8725 section 2.1', 'algorithm_mismatch', 'HS256 under an empty key', arms =>
    hmac('', { ...goodHeader(arms.victim), alg: 'HS256' }, goodClaims(arms)),
  ),
  ...['es256', 'ES256K', 'ES384', 'ES512', 'EdDSA', 'RS256', 'PS256', 'HS384', '', ' ES256', 'ES256 ', 'ЕS256'].map(
    alg =>
      row('RFC 8725 section 3.1', 'algorithm_mismatch', `alg ${JSON.stringify(alg)} on an ES256 key`, arms =>
        altered(arms, { alg }),
      ),
  ),
  row('RFC 8725 section 3.1', 'algorithm_mismatch', 'PS256 in the header of an RS256 key', arms =>
    forge(
      arms.rsa,
      { ...goodHeader(arms.rsa), alg: 'PS256' },
      { ...goodClaims(arms), iss: 'edge-rsa', sub: 'edge-rsa' },
    ),
  ),
  ...[null, 1, true, ['ES256'], { name: 'ES256' }].map(alg =>
    row('RFC 7515 section 4.1.1', 'header_malformed', `alg ${JSON.stringify(alg)}`, arms => altered(arms, { alg })),
  ),
  row('RFC 7515 section 4.1.1', 'header_malformed', 'no alg', arms => altered(arms, { alg: undefined })),
];

const keyIds: HostileCredential[] = [
  ...[
    ['a path to a file', '../../../../dev/null'],
    ['an encoded path', '..%2f..%2fkeys'],
    ['SQL', "x' UNION SELECT 'secret"],
    ['a shell command', '|/usr/bin/id'],
    ['a URL', 'https://attacker.example/key'],
    ['empty', ''],
    ['a null byte in it', `${'A'.repeat(20)}\u0000${'A'.repeat(22)}`],
    ['a line end in it', `${'A'.repeat(42)}\n`],
    ['a thumbprint and more', `${'A'.repeat(43)}A`],
    ['a thumbprint with padding', `${'A'.repeat(43)}=`],
    ['bits that no thumbprint has', `${'A'.repeat(42)}B`],
    ['the name of a member of every object', '__proto__'],
    ['a thousand characters long', 'A'.repeat(1000)],
  ].map(([title, kid]) =>
    row('RFC 8725 section 3.10', 'kid_malformed', `kid: ${title}`, arms => altered(arms, { kid })),
  ),
  ...[null, 7, ['x'], {}].map(kid =>
    row('RFC 7515 section 4.1.4', 'kid_malformed', `kid ${JSON.stringify(kid)}`, arms => altered(arms, { kid })),
  ),
  row('RFC 7515 section 4.1.4', 'kid_malformed', 'no kid', arms => altered(arms, { kid: undefined })),
  row('RFC 7515 section 4.1.4', 'credential_malformed', 'a kid of 4 KiB', arms =>
    altered(arms, { kid: 'A'.repeat(1 << 12) }),
  ),
  row('RFC 8725 section 3.10', 'key_unknown', 'a kid that nobody registered', arms =>
    forge(arms.stranger, goodHeader(arms.stranger), goodClaims(arms)),
  ),
  row('RFC 8725 section 3.10', 'key_unknown', 'the kid in other letter case', arms =>
    altered(arms, { kid: `${'a'.repeat(42)}A` }),
  ),
];

const forbiddenMembers: [string, unknown][] = [
  ['jwk', { kty: 'oct', k: 'AAAA' }],
  ['jku', 'https://attacker.example/jwks.json'],
  ['x5u', 'https://attacker.example/chain.pem'],
  ['x5c', ['MIIBszCCAVmgAwIBAgIUB']],
  ['crit', ['exp']],
  ['crit', []],
  ['b64', false],
  ['b64', true],
  ['zip', 'DEF'],
  ['enc', 'A256GCM'],
];

const broughtKeys: HostileCredential[] = [
  row('RFC 8725 section 3.10', 'header_forbidden', 'the key to verify with as jwk', arms =>
    forge(arms.stranger, { ...goodHeader(arms.victim), jwk: arms.stranger.publicJwk }, goodClaims(arms)),
  ),
  ...forbiddenMembers.map(([member, value]) =>
    row('RFC 7515 section 4.1', 'header_forbidden', `${member} ${JSON.stringify(value)}`, arms =>
      altered(arms, { [member]: value }),
    ),
  ),
];

const headers: HostileCredential[] = [
  ...[
    'JWT',
    'jwt',
    'application/piped+jwt',
    'PIPED+JWT',
    'piped-renew+jwt',
    'client-authentication+jwt',
    'piped-possession+jwt',
    'at+jwt',
    '',
  ].map(typ =>
    row('RFC 8725 section 3.11', 'typ_mismatch', `typ ${JSON.stringify(typ)}`, arms => altered(arms, { typ })),
  ),
  ...[undefined, null, 1, ['piped+jwt']].map(typ =>
    row('RFC 8725 section 3.11', 'header_malformed', `typ ${JSON.stringify(typ) ?? 'absent'}`, arms =>
      altered(arms, { typ }),
    ),
  ),
  row('RFC 7519 section 5.2', 'header_malformed', 'cty: a nested JWT', arms => altered(arms, { cty: 'JWT' })),
  row('RFC 7515 section 4', 'header_malformed', 'a member that nobody knows', arms => altered(arms, { nonce: 'x' })),
  row('RFC 7515 section 4', 'header_malformed', 'alg named twice', arms => {
    const { header, claims } = texts(arms);
    return forge(arms.mine, header.replace('{', '{"alg":"none",'), claims);
  }),
  row('RFC 7515 section 4', 'header_malformed', 'kid named twice, once behind an escape', arms => {
    const { header, claims } = texts(arms);
    return forge(arms.mine, header.replace('{', `{"\\u006bid":"${arms.victim.kid}",`), claims);
  }),
  ...['[]', '"x"', '1', 'null', '{', '{"alg":"ES256",}', "{'alg':'ES256'}", '\ufeff{}'].map(text =>
    row('RFC 7515 section 4', 'header_malformed', `the header ${JSON.stringify(text)}`, arms =>
      forge(arms.mine, text, texts(arms).claims),
    ),
  ),
];

const signatures: HostileCredential[] = [
  row('RFC 7515 section 5.2', 'signature_invalid', "a stranger's signature under the victim's kid", arms =>
    forge(arms.stranger, goodHeader(arms.victim), { ...goodClaims(arms), project: 'bank' }),
  ),
  row('RFC 7515 section 5.2', 'signature_invalid', "another registered key's signature under the victim's kid", arms =>
    forge(arms.mine, goodHeader(arms.victim), { ...goodClaims(arms), project: 'bank' }),
  ),
  row('RFC 7515 section 5.2', 'signature_invalid', 'claims changed after they were signed', arms => {
    const [header, , last] = altered(arms, {}).split('.');
    return `${header}.${encode({ ...goodClaims(arms), project: 'bank' })}.${last}`;
  }),
  row('RFC 7515 section 5.2', 'signature_invalid', 'white space added to the claims after they were signed', arms => {
    const [header, , last] = altered(arms, {}).split('.');
    return `${header}.${encode(` ${JSON.stringify(goodClaims(arms))}`)}.${last}`;
  }),
  row('RFC 7518 section 3.4', 'signature_invalid', 'r = 0 and s = 0', arms =>
    withSignature(arms, () => Buffer.alloc(64)),
  ),
  row('RFC 7518 section 3.4', 'signature_invalid', 'r = 0', arms =>
    withSignature(arms, rs => Buffer.concat([Buffer.alloc(32), rs.subarray(32)])),
  ),
  row('RFC 7518 section 3.4', 'signature_invalid', 's = 0', arms =>
    withSignature(arms, rs => Buffer.concat([rs.subarray(0, 32), Buffer.alloc(32)])),
  ),
  row('RFC 7518 section 3.4', 'signature_invalid', 'r = s = 1', arms =>
    withSignature(arms, () => {
      const one = Buffer.alloc(32);
      one[31] = 1;
      return Buffer.concat([one, one]);
    }),
  ),
  row('RFC 7518 section 3.4', 'signature_invalid', 'r = n', arms =>
    withSignature(arms, rs => Buffer.concat([P256_ORDER, rs.subarray(32)])),
  ),
  row('RFC 7518 section 3.4', 'signature_invalid', 's = n', arms =>
    withSignature(arms, rs => Buffer.concat([rs.subarray(0, 32), P256_ORDER])),
  ),
  row('RFC 7518 section 3.4', 'signature_invalid', 'r = s = n', arms =>
    withSignature(arms, () => Buffer.concat([P256_ORDER, P256_ORDER])),
  ),
  row('RFC 7518 section 3.4', 'signature_invalid', 'all bits set', arms =>
    withSignature(arms, () => Buffer.alloc(64, 0xff)),
  ),
  row('RFC 7518 section 3.4', 'signature_invalid', 'DER instead of r and s', arms => withSignature(arms, der)),
  row('RFC 7518 section 3.4', 'signature_invalid', 'r and s changed over', arms =>
    withSignature(arms, rs => Buffer.concat([rs.subarray(32), rs.subarray(0, 32)])),
  ),
  row('RFC 7518 section 3.4', 'signature_invalid', 'a byte short', arms =>
    withSignature(arms, rs => rs.subarray(0, 63)),
  ),
  row('RFC 7518 section 3.4', 'signature_invalid', 'a byte long', arms =>
    withSignature(arms, rs => Buffer.concat([rs, Buffer.of(0)])),
  ),
  row('RFC 7518 section 3.4', 'signature_invalid', 'r and s of 48 bytes, as for P-384', arms =>
    withSignature(arms, rs => Buffer.concat([Buffer.alloc(16), rs.subarray(0, 32), Buffer.alloc(16), rs.subarray(32)])),
  ),
  row('RFC 7518 section 3.4', 'signature_invalid', 'one bit off', arms =>
    withSignature(arms, rs => {
      const bent = Buffer.from(rs);
      bent[40] = (bent[40] ?? 0) ^ 1;
      return bent;
    }),
  ),
  row(
    'RFC 7518 section 3.3',
    'signature_invalid',
    'RS256: an empty block',
    arms =>
      `${encode(goodHeader(arms.rsa))}.${encode({ ...goodClaims(arms), iss: 'edge-rsa', sub: 'edge-rsa' })}.${Buffer.alloc(256).toString('base64url')}`,
  ),
  row('RFC 7518 section 3.3', 'signature_invalid', "RS256: an ES256 signature under the RSA key's kid", arms =>
    forge(arms.mine, { ...goodHeader(arms.mine), alg: 'RS256', kid: arms.rsa.kid }, goodClaims(arms)),
  ),
];

const forms: HostileCredential[] = [
  row('RFC 7515 section 7.1', 'credential_malformed', 'one part', () => 'x'),
  row('RFC 7515 section 7.1', 'credential_malformed', 'two dots and nothing else', () => '..'),
  row('RFC 7515 section 7.1', 'credential_malformed', 'a dot behind the end', arms => `${altered(arms, {})}.`),
  row('RFC 7515 section 7.1', 'credential_malformed', 'a dot before the beginning', arms => `.${altered(arms, {})}`),
  row('RFC 7516 section 7.1', 'credential_malformed', 'five parts: a JWE', () => 'e30.e30.e30.e30.e30'),
  row('RFC 7515 section 7.2', 'credential_malformed', 'JSON serialization', arms => {
    const [header, payload, last] = altered(arms, {}).split('.');
    return JSON.stringify({ protected: header, payload, signature: last }).replaceAll(',', ';');
  }),
  row('RFC 7515 section 2', 'credential_malformed', 'padding behind the signature', arms => `${altered(arms, {})}==`),
  row('RFC 7515 section 2', 'credential_malformed', 'padding behind the header', arms =>
    altered(arms, {}).replace('.', '=.'),
  ),
  row('RFC 7515 section 2', 'credential_malformed', 'the standard alphabet of base64', arms =>
    altered(arms, {}).replace('.', '+/.'),
  ),
  row('RFC 7515 section 2', 'credential_malformed', 'a blank in the middle', arms =>
    altered(arms, {}).replace('.', ' .'),
  ),
  row('RFC 7515 section 2', 'credential_malformed', 'a tab in the middle', arms =>
    altered(arms, {}).replace('.', '\t.'),
  ),
  row('RFC 4648 section 3.5', 'credential_malformed', 'bits behind the end of the signature', arms => {
    const token = altered(arms, {});
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    return token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1) ?? '') + 1];
  }),
  row('RFC 4648 section 3.5', 'credential_malformed', 'a length that no base64 has', arms =>
    altered(arms, {}).replace('.', `${'A'.repeat(5 - (encode(goodHeader(arms.mine)).length % 4))}.`),
  ),
  row('RFC 8725 section 3.7', 'credential_malformed', 'percent-encoded dots', arms =>
    altered(arms, {}).replaceAll('.', '%2E'),
  ),
  row('RFC 8725 section 3.7', 'header_malformed', 'a header that is not UTF-8', arms => {
    const input = `${Buffer.from([0x7b, 0xc3, 0x28, 0x7d]).toString('base64url')}.${encode(goodClaims(arms))}`;
    return `${input}.${signature(arms.mine, input).toString('base64url')}`;
  }),
  row('RFC 8725 section 3.7', 'claims_malformed', 'claims that are UTF-16', arms => {
    const input = `${encode(goodHeader(arms.mine))}.${Buffer.from(JSON.stringify(goodClaims(arms)), 'utf16le').toString('base64url')}`;
    return `${input}.${signature(arms.mine, input).toString('base64url')}`;
  }),
  row('RFC 7519 section 7.2', 'claims_malformed', 'a nested JWT', arms =>
    forge(arms.mine, goodHeader(arms.mine), JSON.stringify(altered(arms, {}))),
  ),
  row('RFC 7519 section 7.2', 'claims_malformed', 'claims that are no object', arms =>
    forge(arms.mine, goodHeader(arms.mine), '[]'),
  ),
  row('RFC 7519 section 7.2', 'claims_malformed', 'claims that are no JSON', arms =>
    forge(arms.mine, goodHeader(arms.mine), '{"iss":'),
  ),
];

const claims: HostileCredential[] = [
  ...['iss', 'sub', 'aud', 'project', 'iat', 'exp', 'jti'].map(name =>
    row('RFC 7519 section 4', 'claims_malformed', `no ${name}`, arms => altered(arms, {}, { [name]: undefined })),
  ),
  ...['iss', 'sub', 'aud', 'project', 'iat', 'exp', 'jti'].map(name =>
    row('RFC 7519 section 4.1', 'claims_malformed', `${name} null`, arms => altered(arms, {}, { [name]: null })),
  ),
  ...['iat', 'exp', 'nbf'].map(name =>
    row('RFC 7519 section 2', 'claims_malformed', `${name} as a string`, arms =>
      altered(arms, {}, { [name]: String(arms.nowSeconds) }),
    ),
  ),
  ...['1e400', '-1', '1.5', '1e17', '{}', '[1]', 'true'].map(number =>
    row('RFC 7519 section 2', 'claims_malformed', `exp ${number}`, arms =>
      forge(arms.mine, goodHeader(arms.mine), texts(arms).claims.replace(/"exp":\d+/, `"exp":${number}`)),
    ),
  ),
  row('RFC 8259 section 6', 'claims_malformed', 'exp NaN', arms =>
    forge(arms.mine, goodHeader(arms.mine), texts(arms).claims.replace(/"exp":\d+/, '"exp":NaN')),
  ),
  ...['sub', 'exp', 'project', 'aud'].map(name =>
    row('RFC 7519 section 4', 'claims_malformed', `${name} named twice`, arms =>
      forge(arms.mine, goodHeader(arms.mine), texts(arms).claims.replace('{', `{"${name}":"bank",`)),
    ),
  ),
  row('RFC 7519 section 4', 'claims_malformed', 'project named twice, once behind an escape', arms =>
    forge(arms.mine, goodHeader(arms.mine), texts(arms).claims.replace('{', '{"\\u0070roject":"bank",')),
  ),
  row('RFC 7519 section 4.1.1', 'issuer_mismatch', "somebody else's iss", arms => altered(arms, {}, { iss: 'edge-2' })),
  row('RFC 7519 section 4.1.2', 'subject_mismatch', "another piped's id", arms =>
    altered(arms, {}, { iss: 'edge-2', sub: 'edge-2' }),
  ),
  row('RFC 8725 section 3.8', 'project_mismatch', "another project's id", arms =>
    altered(arms, {}, { project: 'bank' }),
  ),
  row('RFC 8725 section 3.8', 'claims_malformed', 'a project that looks alike', arms =>
    altered(arms, {}, { project: 'sh\u043ep' }),
  ),
  row('RFC 8725 section 3.8', 'claims_malformed', 'a project with a null byte', arms =>
    altered(arms, {}, { project: 'shop\u0000' }),
  ),
  row('RFC 8725 section 3.8', 'project_mismatch', 'the project in other letter case', arms =>
    altered(arms, {}, { project: 'Shop' }),
  ),
  ...['elsewhere', 'spanpass-gateway/', 'SPANPASS-GATEWAY', ' spanpass-gateway'].map(aud =>
    row('RFC 7519 section 4.1.3', 'audience_mismatch', `aud ${JSON.stringify(aud)}`, arms =>
      altered(arms, {}, { aud }),
    ),
  ),
  row('RFC 7519 section 4.1.3', 'audience_mismatch', 'another aud in a list', arms =>
    altered(arms, {}, { aud: ['elsewhere'] }),
  ),
  row('RFC 8725 section 3.9', 'claims_malformed', 'this aud and another one', arms =>
    altered(arms, {}, { aud: ['spanpass-gateway', 'elsewhere'] }),
  ),
  row('RFC 8725 section 3.9', 'claims_malformed', 'no aud in the list', arms => altered(arms, {}, { aud: [] })),
  row('RFC 8725 section 3.9', 'claims_malformed', 'a list in the list', arms =>
    altered(arms, {}, { aud: [['spanpass-gateway']] }),
  ),
  row('RFC 7519 section 4.1.4', 'expired', 'expired an hour ago', arms =>
    altered(arms, {}, { iat: arms.nowSeconds - 3900, exp: arms.nowSeconds - 3600 }),
  ),
  row('RFC 7519 section 4.1.4', 'expired', 'expired more than the skew ago', arms =>
    altered(arms, {}, { iat: arms.nowSeconds - 361, exp: arms.nowSeconds - 61 }),
  ),
  row('RFC 7519 section 4.1.4', 'expired', 'iat and exp at the beginning of time', arms =>
    altered(arms, {}, { iat: 0, exp: 300 }),
  ),
  row('RFC 7519 section 4.1.6', 'issued_in_future', 'issued ten minutes ahead', arms =>
    altered(arms, {}, { iat: arms.nowSeconds + 600, exp: arms.nowSeconds + 900 }),
  ),
  row('RFC 7519 section 4.1.6', 'issued_in_future', 'issued a year ahead', arms =>
    altered(arms, {}, { iat: arms.nowSeconds + 31_536_000, exp: arms.nowSeconds + 31_536_300 }),
  ),
  row('RFC 7519 section 4.1.5', 'issued_in_future', 'not before the next hour', arms =>
    altered(arms, {}, { nbf: arms.nowSeconds + 3600 }),
  ),
  row('RFC 8725 section 3.8', 'lifetime_invalid', 'good for a year', arms =>
    altered(arms, {}, { exp: arms.nowSeconds + 31_536_000 }),
  ),
  row('RFC 8725 section 3.8', 'lifetime_invalid', 'good for 901 seconds', arms =>
    altered(arms, {}, { exp: arms.nowSeconds + 901 }),
  ),
  row('RFC 8725 section 3.8', 'lifetime_invalid', 'postdated to live longer', arms =>
    altered(arms, {}, { iat: arms.nowSeconds - 900, exp: arms.nowSeconds + 300 }),
  ),
  row('RFC 7519 section 4.1.4', 'lifetime_invalid', 'exp = iat', arms => altered(arms, {}, { exp: arms.nowSeconds })),
  row('RFC 7519 section 4.1.4', 'lifetime_invalid', 'exp before iat', arms =>
    altered(arms, {}, { exp: arms.nowSeconds - 1 }),
  ),
];

/** The table of hostile credentials. All of them are refused at every door. */
export const HOSTILE_CREDENTIALS: readonly HostileCredential[] = Object.freeze([
  ...algorithms,
  ...keyIds,
  ...broughtKeys,
  ...headers,
  ...signatures,
  ...forms,
  ...claims,
]);
