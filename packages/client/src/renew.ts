import {
  type Algorithm,
  algorithmSchema,
  createKeyPair,
  FormatError,
  importSigningKey,
  type KeyFile,
  type PendingKey,
  parseKeyFile,
  parseKeyRecord,
  publicHalf,
  sha256,
  signCredential,
  signPossession,
} from '@spanpass/credential';
import { z } from 'zod';
import { invalidAnswer, type PostOptions, postJson } from './control-plane.ts';
import { type EnrolledKey, withoutKey } from './enroll.ts';
import { ClientError, ControlPlaneError } from './errors.ts';
import { readKeyFile, readPendingKey, writeKeyFile, writePendingKey } from './key-file.ts';
import { assertConfidential } from './loopback.ts';
import { exists, removePrivateFile } from './private-file.ts';

export interface RenewOptions extends PostOptions {
  /** Path of the key file, which is replaced. The new key is kept beside it, as `<keyFile>.pending`, until then. */
  readonly keyFile: string;
  /** URL of the control plane. Default: the key file's. */
  readonly controlPlane?: string | undefined;
  /** Default: the current key's. */
  readonly alg?: Algorithm | undefined;
  /** Clock, in milliseconds. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

const answerSchema = z.object({ record: z.unknown() });

/**
 * Renews a piped's key. In this order:
 *
 * 1. a key pair is written to `<keyFile>.pending` (0600), or the one that is there is taken;
 * 2. the control plane is asked to accept it; the current key signs the request, and the new one a proof of possession;
 * 3. the key file is replaced, atomically;
 * 4. the pending one is removed.
 *
 * After a crash or a lost answer at any step, the same call again goes on from there, also when the current key's
 * overlap has ended since: then the new key asks for itself. There is no lock that a crash could leave behind. Processes
 * that share a key file share the pending key, and the control plane answers all of them alike.
 *
 * @throws ControlPlaneError when the control plane refuses
 * @throws ClientError `key_file_write_failed`, `pending_key_mismatch`, those of `readKeyFile`, `plaintext_refused`,
 *   `control_plane_unreachable`, `control_plane_timed_out`, `control_plane_answer_invalid`
 * @throws TypeError for options that make no sense
 * @example
 * const { notAfter } = await renew({ keyFile: '/etc/piped/key.json' });
 */
export async function renew(options: RenewOptions): Promise<EnrolledKey> {
  const { keyFile } = options;
  if (keyFile === '') throw new TypeError('keyFile must not be empty');
  if (!algorithmSchema.optional().safeParse(options.alg).success) throw new TypeError('alg is not a known algorithm');
  if (options.controlPlane !== undefined) assertConfidential(options.controlPlane);
  const pendingPath = pendingPathOf(keyFile);
  const current = await readKeyFile(keyFile);
  const left = await readIfThere(pendingPath);
  if (left?.kid === current.kid) return finish(pendingPath, current);

  const pending = left ?? (await newPendingKey(pendingPath, options.alg ?? current.alg));
  if (options.alg !== undefined && options.alg !== pending.alg) {
    const problem = `${pendingPath} holds an ${pending.alg} key that was to replace the current one: renew with that, or remove it`;
    throw new ClientError('pending_key_mismatch', problem);
  }
  // Another process may have renewed since the key file was read. It removes its pending key after that, so whoever
  // could write one of his own sees the other's key here.
  const latest = await readKeyFile(keyFile);
  if (latest.kid !== current.kid) return finish(pendingPath, latest, pending);

  let renewed: KeyFile;
  try {
    renewed = await accepted(options, current, pending);
  } catch (error) {
    if (left === undefined || problemOf(error) !== 'kid_exists') throw error;
    // Accepted long ago, and replaced or revoked since: it is of no more use.
    await finish(pendingPath, current, pending);
    return renew(options);
  }
  const before = await readKeyFile(keyFile);
  if (before.kid === current.kid) await writeKeyFile(keyFile, renewed, { overwrite: true });
  return finish(pendingPath, before.kid === current.kid ? renewed : before, pending);
}

/** Where the next key waits until it is accepted. */
export function pendingPathOf(keyFile: string): string {
  return `${keyFile}.pending`;
}

/** Removes this pending key, and no other: another process may have begun the next renewal. */
async function finish(pendingPath: string, file: KeyFile, done: { kid: string } = file): Promise<EnrolledKey> {
  if ((await readIfThere(pendingPath))?.kid === done.kid) await removePrivateFile(pendingPath);
  return withoutKey(file);
}

async function newPendingKey(path: string, algorithm: Algorithm): Promise<PendingKey> {
  const { kid, alg, privateJwk } = await createKeyPair(algorithm);
  const pending: PendingKey = { v: 1, status: 'pending', kid, alg, privateJwk };
  try {
    await writePendingKey(path, pending);
    return pending;
  } catch (error) {
    if (!(error instanceof ClientError && error.code === 'key_file_exists')) throw error;
    return readPendingKey(path);
  }
}

async function readIfThere(path: string): Promise<PendingKey | undefined> {
  if (!(await exists(path))) return undefined;
  return readPendingKey(path).catch(error => {
    if (error instanceof ClientError && error.code === 'key_file_missing') return undefined;
    throw error;
  });
}

async function accepted(options: RenewOptions, current: KeyFile, pending: PendingKey): Promise<KeyFile> {
  const ask = (signer: KeyFile) => askAs(signer, options, pending);
  const renewed: KeyFile = { ...current, kid: pending.kid, alg: pending.alg, privateJwk: pending.privateJwk };
  try {
    return await ask(current);
  } catch (error) {
    if (problemOf(error) !== 'renewal_credential_invalid') throw error;
    // The answer to an earlier call may have been lost for longer than the current key's overlap.
    return ask(renewed).catch(() => {
      throw error;
    });
  }
}

async function askAs(signer: KeyFile, options: RenewOptions, pending: PendingKey): Promise<KeyFile> {
  const controlPlane = (options.controlPlane ?? signer.controlPlane).replace(/\/+$/, '');
  const { alg, privateJwk } = pending;
  const now = options.now ?? Date.now;
  const proof = await signPossession(pending, signer.kid, now);
  const key = await importSigningKey(signer);
  const authorize = async (text: string) => {
    const audience = `${controlPlane}/v1/renew`;
    return signCredential(key, { purpose: 'renewal', audience, bodyHash: await sha256(text), now });
  };
  const body = { publicJwk: publicHalf(alg, privateJwk), alg, proof };
  const answer = await postJson(controlPlane, '/v1/renew', body, options, authorize);
  return keyFileFrom(answer, signer, pending, controlPlane);
}

async function keyFileFrom(
  answer: unknown,
  { project, piped, audience }: KeyFile,
  { kid, alg, privateJwk }: PendingKey,
  controlPlane: string,
): Promise<KeyFile> {
  const parsed = answerSchema.safeParse(answer);
  if (!parsed.success) throw invalidAnswer(controlPlane, 'did not answer with a renewed key');
  try {
    const record = await parseKeyRecord(parsed.data.record);
    if (record.kid !== kid || record.alg !== alg || record.project !== project || record.piped !== piped) {
      throw invalidAnswer(controlPlane, 'answered with the record of another key');
    }
    const { notAfter, notBefore: issuedAt } = record;
    const file = { v: 1, kid, alg, project, piped, audience, controlPlane, notAfter, issuedAt, privateJwk };
    return await parseKeyFile(file);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw invalidAnswer(controlPlane, `did not answer with a renewed key (${error.message})`);
  }
}

function problemOf(error: unknown): string | undefined {
  return error instanceof ControlPlaneError ? error.problemCode : undefined;
}
