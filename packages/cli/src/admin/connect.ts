import { join } from 'node:path';
import { ControlPlaneApiError, ControlPlaneClient } from '@spanpass/control-plane/client';
import { type AdminOptions, controlPlaneOf, dataDirOf } from '../commands/options.ts';
import { readSecretFile } from '../config/secret.ts';
import { Failure, wrongUsage } from '../failure.ts';
import type { Io } from '../io.ts';

/**
 * The control plane, as an administrator speaks to it. The admin token comes from the environment, else from the data of
 * the embedded default.
 */
export async function connectAdmin(io: Pick<Io, 'env'>, options: AdminOptions): Promise<ControlPlaneClient> {
  const url = controlPlaneOf(io, options);
  const token =
    io.env.SPANPASS_ADMIN_TOKEN ||
    (await readSecretFile(
      join(dataDirOf(io, options), 'admin-token'),
      "set SPANPASS_ADMIN_TOKEN, or name the control plane's data with --data-dir",
    ));
  try {
    return new ControlPlaneClient({ url, token });
  } catch (error) {
    if (error instanceof TypeError || isProblem(error, 'plaintext_refused')) throw wrongUsage((error as Error).message);
    throw error;
  }
}

/** Whether the control plane, or the client of it, failed with this code. */
export function isProblem(error: unknown, code: string): error is ControlPlaneApiError {
  return error instanceof ControlPlaneApiError && error.code === code;
}

/** What the control plane said, with what to do about it where that is not said. */
export function adviseOn(error: ControlPlaneApiError): Failure {
  const advice: Record<string, string> = {
    unauthenticated: 'the control plane does not know this admin token: see --help on where it comes from',
    piped_exists: `${error.message} (for a fresh token: --renew-token)`,
    last_key_in_use: `${error.message} (all the same: --force)`,
    too_many_keys: `${error.message} (see: spanpass key list, spanpass key revoke)`,
  };
  return new Failure(advice[error.code] ?? error.message, { cause: error });
}
