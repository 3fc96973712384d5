import { readFile } from 'node:fs/promises';
import {
  type Algorithm,
  CredentialError,
  parseJws,
  parsePublicJwk,
  verifySignature,
  verifySignatureNow,
} from '@spanpass/credential';
import { describe, expect, it } from 'vitest';

interface Group {
  readonly name: string;
  readonly alg: Algorithm;
  readonly publicJwk: Readonly<Record<string, string>>;
  readonly tests: readonly { readonly title: string; readonly valid: boolean; readonly jws: string }[];
}

const file = new URL('./vectors/jws.json', import.meta.url);
const { groups } = JSON.parse(await readFile(file, 'utf8')) as { groups: Group[] };

/** The vectors' payloads are seldom claims: the form is judged without them, the signature over what they are. */
async function verdict({ alg, publicJwk }: Group, jws: string): Promise<string> {
  try {
    const unverifiedHeader = formOf(jws);
    const [header = '', payload = '', signature = ''] = jws.split('.');
    const parsed = {
      unverifiedHeader,
      unverifiedClaims: {},
      signedLength: header.length + 1 + payload.length,
      signature: Buffer.from(signature, 'base64url'),
    };
    const key = { alg, publicJwk: parsePublicJwk(alg, publicJwk) };
    const holds = await verifySignature(jws, parsed, key).then(
      () => true,
      () => false,
    );
    verifySignatureNow(jws, parsed, key);
    return holds ? 'valid' : 'on another thread it is not valid';
  } catch (error) {
    if (error instanceof CredentialError) return error.code;
    throw error;
  }
}

/** The header, of a JWS whose form is a credential's with claims in the payload's place. */
function formOf(jws: string): Readonly<Record<string, unknown>> {
  const parts = jws.split('.');
  return parseJws([parts[0], 'e30', ...parts.slice(2)].join('.')).unverifiedHeader;
}

describe.each(groups)('$name ($alg)', group => {
  it.each(group.tests)('$title: valid $valid', async ({ jws, valid }) => {
    const found = await verdict(group, jws);
    if (valid) expect(found).toBe('valid');
    else expect(found).toMatch(/^(credential_malformed|header_\w+|algorithm_mismatch|signature_invalid)$/);
  });
});

it('the vectors are all there', () => {
  expect(groups.flatMap(({ tests }) => tests).length).toBeGreaterThanOrEqual(310);
  expect(new Set(groups.map(({ alg }) => alg))).toEqual(new Set(['ES256', 'RS256', 'PS256', 'EdDSA']));
});
