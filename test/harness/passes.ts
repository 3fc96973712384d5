import { randomUUID } from 'node:crypto';
import { importSigningKey, type KeyFile, type SignOptions, signCredential } from '@spanpass/credential';

/** Finds a pass in a text. With the dot after its header, since a kid may hold the first letters by chance. */
export const aPass = /eyJ[\w-]+\.eyJ/;

/** A pass for the gateway, right unless `options` or a changed key file make it wrong. */
export async function passFor(keyFile: KeyFile, options: Partial<SignOptions> = {}): Promise<string> {
  const key = await importSigningKey(keyFile);
  return signCredential(key, { purpose: 'gateway', audience: keyFile.audience, ...options });
}

/** The same pass with other claims under the old signature. */
export function withClaims(pass: string, claims: Readonly<Record<string, unknown>>): string {
  const [header = '', payload = '', signature = ''] = pass.split('.');
  const changed = { ...decode(payload), jti: randomUUID(), ...claims };
  return [header, encode(changed), signature].join('.');
}

/** The same pass with another header under the old signature. */
export function withHeader(pass: string, members: Readonly<Record<string, unknown>>): string {
  const [header = '', payload = '', signature = ''] = pass.split('.');
  return [encode({ ...decode(header), ...members }), payload, signature].join('.');
}

export function bearer(pass: string): readonly [name: string, value: string] {
  return ['authorization', `Bearer ${pass}`];
}

function decode(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
