import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { createKeyPair, type KeyFile, type KeyPair, type KeyRecord, verifyCredential } from '@spanpass/credential';
import { expect, onTestFinished } from 'vitest';
import { ClientError, type ClientErrorCode } from '../errors.ts';
import { writeKeyFile } from '../key-file.ts';

export const NOW_MS = 1_790_000_000_000;

export interface Piped {
  readonly pair: KeyPair;
  readonly file: KeyFile;
  readonly record: KeyRecord;
  readonly keyFile: string;
}

/** A clock that stands still until it is set. */
export function createClock(startMs = NOW_MS) {
  const clock = { ms: startMs, now: () => clock.ms };
  return clock;
}

/** A directory that is gone after the test. */
export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'spanpass-client-'));
  // A renewal in the background may be writing its pending key just now.
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
  return path;
}

/** Also in tests with a clock that runs, a key is new. */
const newKeyEndMs = () => Math.floor(Math.max(NOW_MS, Date.now()) / 1000 + 90 * 86_400) * 1000;

/** A piped of the project `shop`, with a key file on disk. */
export async function createPiped(piped = 'edge-1', notAfterMs = newKeyEndMs()): Promise<Piped> {
  const pair = await createKeyPair();
  const { kid, alg, publicJwk, privateJwk } = pair;
  const notAfter = notAfterMs / 1000;
  const owner = { v: 1, kid, alg, project: 'shop', piped, notAfter } as const;
  const file: KeyFile = {
    ...owner,
    audience: 'spanpass-gateway',
    controlPlane: 'http://127.0.0.1:9085',
    privateJwk,
  };
  const record: KeyRecord = {
    ...owner,
    publicJwk,
    scopes: ['traces'],
    keyStatus: 'active',
    pipedStatus: 'active',
    projectStatus: 'active',
    notBefore: 0,
    revision: 1,
  };
  const keyFile = join(await temporaryDirectory(), 'key.json');
  await writeKeyFile(keyFile, file);
  return { pair, file, record, keyFile };
}

/** Verifies an `authorization` value as the gateway would, and returns the credential's id. */
export async function verifyAuthorization(header: unknown, record: KeyRecord, now: () => number): Promise<string> {
  const token = /^Bearer (\S+)$/.exec(String(header))?.[1] ?? '';
  const { claims } = await verifyCredential(token, record, { purpose: 'gateway', audience: 'spanpass-gateway', now });
  return claims.jti;
}

/** The promise rejects with this code and message, in one line, and with no secret anywhere in the error. */
export async function expectFailure(
  promise: Promise<unknown>,
  code: ClientErrorCode,
  message: RegExp,
  secrets: readonly string[] = [],
): Promise<ClientError> {
  const error: unknown = await promise.then(
    () => expect.fail(`resolved, and should have failed with ${code}`),
    reason => reason,
  );
  expect(error).toBeInstanceOf(ClientError);
  const failure = error as ClientError;
  expect({ code: failure.code, message: failure.message }).toEqual({ code, message: expect.stringMatching(message) });
  expect(failure.message).not.toMatch(/[\r\n]/);
  expectNoSecret(failure, secrets);
  return failure;
}

/** Looks for each secret, and for any piece of 16 characters of it, in all that a log could print of `value`. */
export function expectNoSecret(value: unknown, secrets: readonly string[]): void {
  const printed = `${inspect(value, { depth: 10, showHidden: true, maxStringLength: null })} ${JSON.stringify(value)}`;
  for (const secret of secrets) {
    expect(secret.length).toBeGreaterThanOrEqual(16);
    for (let at = 0; at + 16 <= secret.length; at += 8) {
      if (printed.includes(secret.slice(at, at + 16))) expect.fail('a secret is in what would be printed');
    }
  }
}

/** What of a piped must never be printed. */
export function secretsOf({ pair }: Piped): string[] {
  return [pair.privateJwk.d ?? ''];
}
