import {
  type Algorithm,
  algorithmSchema,
  createKeyPair,
  FormatError,
  type KeyFile,
  type KeyRecord,
  type PendingKey,
  parseKeyFile,
  parseKeyRecord,
  publicHalf,
  signPossession,
} from '@spanpass/credential';
import { z } from 'zod';
import { invalidAnswer, type PostOptions, postJson } from './control-plane.ts';
import { ClientError, ControlPlaneError } from './errors.ts';
import { readKeyFile, readPendingKey, writeKeyFile, writePendingKey } from './key-file.ts';
import { assertConfidential } from './loopback.ts';
import { exists, removePrivateFile } from './private-file.ts';

export interface EnrollOptions extends PostOptions {
  /** URL of the control plane; https beyond loopback. */
  readonly controlPlane: string;
  readonly enrollmentToken: string;
  /** Path to write the key file to. */
  readonly keyFile: string;
  /** Default ES256. */
  readonly alg?: Algorithm | undefined;
  /** Clock, in milliseconds. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** What was enrolled: all of the key file but the key. */
export type EnrolledKey = Omit<KeyFile, 'privateJwk'>;

const answerSchema = z.object({ record: z.unknown(), gatewayAudience: z.string(), controlPlane: z.string() });

/** What to do about the refusals that an operator can do something about. */
const REMEDIES: Readonly<Record<string, string>> = {
  enrollment_token_invalid: 'the token is unknown, has ended, or was used for another key; ask for a new one',
  proof_invalid: "check this machine's clock",
};

/**
 * Enrolls a new key with a one-time token. The private half never leaves this machine. In this order:
 *
 * 1. a key pair is written to `<keyFile>.pending` (0600), or the one that is there is taken;
 * 2. the control plane is asked to accept it, with a proof of possession;
 * 3. the key file is written (0600), and never over an existing one;
 * 4. the pending one is removed.
 *
 * After a crash or a lost answer at any step, the same call again goes on from there: the same token with the same key
 * is answered alike. When all is done, it fails with `key_file_exists`.
 *
 * @throws ControlPlaneError when the control plane refuses
 * @throws ClientError `key_file_exists`, `key_file_write_failed`, `pending_key_mismatch`, those of `readKeyFile`,
 *   `plaintext_refused`, `control_plane_unreachable`, `control_plane_timed_out`, `control_plane_answer_invalid`
 * @throws TypeError for options that make no sense
 * @example
 * await enroll({ controlPlane: 'https://pass.example.com', enrollmentToken, keyFile: '/etc/piped/key.json' });
 */
export async function enroll(options: EnrollOptions): Promise<EnrolledKey> {
  const { keyFile, enrollmentToken, now } = options;
  if (keyFile === '') throw new TypeError('keyFile must not be empty');
  if (!/^[\x21-\x7e]{1,512}$/.test(enrollmentToken)) throw new TypeError('enrollmentToken is not an enrollment token');
  if (!algorithmSchema.optional().safeParse(options.alg).success) throw new TypeError('alg is not a known algorithm');
  assertConfidential(options.controlPlane);
  const pendingPath = `${keyFile}.pending`;
  if (await exists(keyFile)) return finish(keyFile, pendingPath);

  const pending = await pendingKey(pendingPath, options.alg);
  const { alg, privateJwk } = pending;
  const proof = await signPossession(pending, enrollmentToken, now);
  const publicJwk = publicHalf(alg, privateJwk);
  const answer = await ask(options, { enrollmentToken, publicJwk, alg, proof });
  const file = await keyFileFrom(answer, pending, options.controlPlane);
  try {
    await writeKeyFile(keyFile, file);
  } catch (error) {
    if (!hasCode(error, 'key_file_exists')) throw error;
    // Another enrollment with the same pending key was faster.
    return finish(keyFile, pendingPath);
  }
  await removePrivateFile(pendingPath);
  return withoutKey(file);
}

/** Both files with one key: an earlier call got as far as writing the first, and no further. */
async function finish(keyFile: string, pendingPath: string): Promise<EnrolledKey> {
  const file = await readKeyFile(keyFile).catch(() => undefined);
  const pending = (await exists(pendingPath)) ? await readPendingKey(pendingPath) : undefined;
  if (file === undefined || file.kid !== pending?.kid) {
    const holds = file ? `holds the key of ${file.piped} in ${file.project}` : 'exists';
    const message = `${keyFile} ${holds} already and is not overwritten: move it away to enroll another key`;
    throw new ClientError('key_file_exists', message);
  }
  await removePrivateFile(pendingPath);
  return withoutKey(file);
}

async function pendingKey(path: string, alg: Algorithm | undefined): Promise<PendingKey> {
  if (!(await exists(path))) {
    const { kid, alg: chosen, privateJwk } = await createKeyPair(alg);
    const pending: PendingKey = { v: 1, status: 'pending', kid, alg: chosen, privateJwk };
    try {
      await writePendingKey(path, pending);
      return pending;
    } catch (error) {
      if (!hasCode(error, 'key_file_exists')) throw error;
    }
  }
  const pending = await readPendingKey(path);
  if (alg !== undefined && alg !== pending.alg) {
    const problem = `${path} holds an ${pending.alg} key that was to be enrolled: enroll that, or remove it`;
    throw new ClientError('pending_key_mismatch', problem);
  }
  return pending;
}

async function ask(options: EnrollOptions, body: unknown): Promise<unknown> {
  try {
    return await postJson(options.controlPlane, '/v1/enroll', body, options);
  } catch (error) {
    const remedy = error instanceof ControlPlaneError ? REMEDIES[error.problemCode] : undefined;
    if (!(error instanceof ControlPlaneError) || remedy === undefined) throw error;
    throw new ControlPlaneError(error.httpStatus, error.problemCode, `${error.message}: ${remedy}`);
  }
}

async function keyFileFrom(answer: unknown, pending: PendingKey, asked: string): Promise<KeyFile> {
  const parsed = answerSchema.safeParse(answer);
  if (!parsed.success) throw invalidAnswer(asked, 'did not answer with an enrolled key');
  try {
    const record: KeyRecord = await parseKeyRecord(parsed.data.record);
    if (record.kid !== pending.kid || record.alg !== pending.alg) {
      throw invalidAnswer(asked, 'answered with the record of another key');
    }
    const { kid, alg, project, piped, notAfter, notBefore: issuedAt } = record;
    const { gatewayAudience: audience, controlPlane } = parsed.data;
    const { privateJwk } = pending;
    const owner = { kid, alg, project, piped, notAfter, issuedAt };
    return await parseKeyFile({ v: 1, ...owner, audience, controlPlane, privateJwk });
  } catch (error) {
    if (error instanceof FormatError)
      throw invalidAnswer(asked, `did not answer with an enrolled key (${error.message})`);
    throw error;
  }
}

export function withoutKey({ privateJwk: _, ...rest }: KeyFile): EnrolledKey {
  return rest;
}

function hasCode(error: unknown, code: ClientError['code']): boolean {
  return error instanceof ClientError && error.code === code;
}
