import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseCredential } from './compact.ts';
import { CredentialError } from './errors.ts';
import { createFixture, type Fixture, goodClaims, now, signAnything, signTexts } from './testing.ts';
import { verifyCredential } from './verify.ts';

let mine: Fixture;
let good: string;
beforeAll(async () => {
  mine = await createFixture();
  good = await signAnything(mine.pair, goodClaims);
});

const verify = (token: string) =>
  verifyCredential(token, mine.record, { purpose: 'gateway', audience: 'spanpass-gateway', now });
const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const parts = () => good.split('.') as [string, string, string];
const withHeader = (change: Record<string, unknown>) => {
  const [, claims, signature] = parts();
  return `${encode({ alg: 'ES256', kid: mine.pair.kid, typ: 'piped+jwt', ...change })}.${claims}.${signature}`;
};

describe('header members that could bring a key or change the rules are refused', () => {
  it.each([
    ['jku', 'https://keys.example/jwks.json'],
    ['jwk', { kty: 'EC' }],
    ['x5u', 'https://keys.example/chain.pem'],
    ['x5c', ['MII…']],
    ['crit', ['exp']],
    ['b64', false],
    ['zip', 'DEF'],
    ['enc', 'A256GCM'],
  ])('%s', async (member, value) => {
    await expect(
      verify(await signAnything(mine.pair, goodClaims).then(() => withHeader({ [member]: value }))),
    ).rejects.toMatchObject({
      code: 'header_forbidden',
    });
  });

  it('and so are members that nobody knows', () =>
    expect(verify(withHeader({ nonce: 'x' }))).rejects.toMatchObject({ code: 'header_malformed' }));
});

describe('algorithms', () => {
  it.each(['none', 'None', 'NONE', 'HS256', 'es256', 'ES384', 'ES256K', 'RS256', ''])('%s is refused', alg =>
    expect(verify(withHeader({ alg }))).rejects.toMatchObject({ code: 'algorithm_mismatch' }),
  );

  it('an HMAC under the public key is refused (RFC 8725 section 2.1)', async () => {
    const secret = Buffer.from(JSON.stringify(mine.pair.publicJwk));
    const hmacKey = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    const input = `${encode({ alg: 'HS256', kid: mine.pair.kid, typ: 'piped+jwt' })}.${encode(goodClaims)}`;
    const mac = Buffer.from(await crypto.subtle.sign('HMAC', hmacKey, Buffer.from(input))).toString('base64url');
    await expect(verify(`${input}.${mac}`)).rejects.toMatchObject({ code: 'algorithm_mismatch' });
  });
});

describe('kid', () => {
  it.each([
    ['a path', '../../etc/passwd'],
    ['SQL', "' OR '1'='1"],
    ['empty', ''],
    ['a null byte', `\u0000${'A'.repeat(42)}`],
    ['too long', 'A'.repeat(44)],
    ['bits that no thumbprint has', `${'A'.repeat(42)}B`],
    ['a number', 7],
    ['absent', undefined],
  ])('%s is refused', (_, kid) => expect(verify(withHeader({ kid }))).rejects.toMatchObject({ code: 'kid_malformed' }));
});

describe('ES256 signatures (RFC 7518 section 3.4)', () => {
  const n = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
  const signature = (bytes: Uint8Array) =>
    `${parts().slice(0, 2).join('.')}.${Buffer.from(bytes).toString('base64url')}`;
  const rs = () => Buffer.from(parts()[2], 'base64url');
  const der = () => {
    const integer = (bytes: Buffer) => {
      const body = (bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
      return Buffer.concat([Buffer.of(2, body.length), body]);
    };
    const body = Buffer.concat([integer(rs().subarray(0, 32)), integer(rs().subarray(32))]);
    return Buffer.concat([Buffer.of(0x30, body.length), body]);
  };
  it.each<[string, () => Uint8Array]>([
    ['r and s = 0', () => Buffer.alloc(64)],
    ['r = 0', () => Buffer.concat([Buffer.alloc(32), rs().subarray(32)])],
    ['s = 0', () => Buffer.concat([rs().subarray(0, 32), Buffer.alloc(32)])],
    ['r = n', () => Buffer.concat([n, rs().subarray(32)])],
    ['s = n', () => Buffer.concat([rs().subarray(0, 32), n])],
    ['all ones', () => Buffer.alloc(64, 0xff)],
    ['DER', der],
    ['truncated', () => rs().subarray(0, 63)],
    ['over-long', () => Buffer.concat([rs(), Buffer.of(0)])],
    ['one bit off', () => Buffer.concat([Buffer.of((rs()[0] ?? 0) ^ 1), rs().subarray(1)])],
  ])('%s is refused', (_, bytes) =>
    expect(verify(signature(bytes()))).rejects.toMatchObject({ code: 'signature_invalid' }),
  );
});

describe('form', () => {
  it.each<[string, () => string, string]>([
    ['empty', () => '', 'credential_malformed'],
    ['two parts', () => parts().slice(0, 2).join('.'), 'credential_malformed'],
    ['four parts', () => `${good}.x`, 'credential_malformed'],
    ['a trailing dot', () => `${good}.`, 'credential_malformed'],
    ['an empty signature', () => `${parts().slice(0, 2).join('.')}.`, 'credential_malformed'],
    ['a JWE', () => `${withHeader({ enc: 'A256GCM' })}.a.b`, 'credential_malformed'],
    ['padding', () => `${good}=`, 'credential_malformed'],
    ['white space', () => ` ${good}`, 'credential_malformed'],
    ['a line end', () => `${good}\n`, 'credential_malformed'],
    ['standard base64', () => good.replace('.', '+.'), 'credential_malformed'],
    ['look-alike letters', () => `\u0435${good.slice(1)}`, 'credential_malformed'],
    ['the header as JSON', () => '{"alg":"ES256"}.e30.AA', 'credential_malformed'],
    [
      'bits behind the end of base64url',
      () =>
        `${good.slice(0, -1)}${good.endsWith('A') ? 'B' : String.fromCharCode(good.charCodeAt(good.length - 1) + 1)}`,
      'credential_malformed',
    ],
    ['over 8 KiB', () => `${'A'.repeat(8193)}`, 'credential_too_large'],
    ['a header that is an array', () => `${encode([])}.${parts()[1]}.${parts()[2]}`, 'header_malformed'],
    ['a header that is not JSON', () => `${encode('{')}.${parts()[1]}.${parts()[2]}`, 'header_malformed'],
    [
      'a header that is not UTF-8',
      () => `${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${parts()[1]}.${parts()[2]}`,
      'header_malformed',
    ],
    [
      'a byte order mark',
      () =>
        `${encode(`\ufeff${JSON.stringify({ alg: 'ES256', kid: mine.pair.kid, typ: 'piped+jwt' })}`)}.${parts()[1]}.${parts()[2]}`,
      'header_malformed',
    ],
    ['typ as a list', () => withHeader({ typ: ['piped+jwt'] }), 'header_malformed'],
    ['claims that are a string', () => `${parts()[0]}.${encode('"x"')}.${parts()[2]}`, 'claims_malformed'],
  ])('%s is refused', (_, token, code) => expect(verify(token())).rejects.toMatchObject({ code }));

  it('typ must be exact, letter case included', () =>
    expect(verify(withHeader({ typ: 'Piped+JWT' }))).rejects.toMatchObject({ code: 'typ_mismatch' }));

  it.each([
    [
      'claim',
      '{"alg":"ES256","kid":"KID","typ":"piped+jwt"}',
      JSON.stringify(goodClaims).replace('{', '{"sub":"edge-2",'),
      'claims_malformed',
    ],
    [
      'claim behind an escape',
      '{"alg":"ES256","kid":"KID","typ":"piped+jwt"}',
      JSON.stringify(goodClaims).replace('{', '{"s\\u0075b":"edge-2",'),
      'claims_malformed',
    ],
    [
      'nested member',
      '{"alg":"ES256","kid":"KID","typ":"piped+jwt"}',
      JSON.stringify(goodClaims).replace('{', '{"x":[{"a":1,"a":2}],'),
      'claims_malformed',
    ],
    [
      'header member',
      '{"alg":"ES256","alg":"ES256","kid":"KID","typ":"piped+jwt"}',
      JSON.stringify(goodClaims),
      'header_malformed',
    ],
  ])('a %s named twice is refused, though signed', async (_, header, claims, code) => {
    await expect(
      verify(await signTexts(mine.pair, header.replace('KID', mine.pair.kid), claims)),
    ).rejects.toMatchObject({ code });
  });

  it('1e400 is no time', async () => {
    const claims = JSON.stringify(goodClaims).replace(/"exp":\d+/, '"exp":1e400');
    const header = JSON.stringify({ alg: 'ES256', kid: mine.pair.kid, typ: 'piped+jwt' });
    await expect(verify(await signTexts(mine.pair, header, claims))).rejects.toMatchObject({
      code: 'claims_malformed',
    });
  });

  it('any text is either taken apart or refused with a code', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string({ unit: 'binary' }),
          fc.stringMatching(/^[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{0,9}$/),
        ),
        text => {
          try {
            parseCredential(text);
          } catch (error) {
            expect(error).toBeInstanceOf(CredentialError);
          }
        },
      ),
    );
  });

  it('one changed character is never accepted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.constantFrom(...'ABCabc019-_.'), async (at, character) => {
        fc.pre(good[at] !== character);
        await expect(verify(good.slice(0, at) + character + good.slice(at + 1))).rejects.toBeInstanceOf(
          CredentialError,
        );
      }),
      { numRuns: 200 },
    );
  });
});
