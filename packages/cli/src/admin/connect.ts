import { join } from 'node:path';
import { type AdminOptions, controlPlaneOf, dataDirOf } from '../commands/options.ts';
import { readSecretFile } from '../config/secret.ts';
import type { Io } from '../io.ts';
import { type AdminClient, createAdminClient } from './admin-client.ts';

/** The admin token comes from the environment, else from the data of the embedded default. */
export async function connectAdmin(io: Pick<Io, 'env'>, options: AdminOptions): Promise<AdminClient> {
  const token =
    io.env.SPANPASS_ADMIN_TOKEN ||
    (await readSecretFile(
      join(dataDirOf(io, options), 'admin-token'),
      "set SPANPASS_ADMIN_TOKEN, or name the control plane's data with --data-dir",
    ));
  return createAdminClient(controlPlaneOf(io, options), token);
}
