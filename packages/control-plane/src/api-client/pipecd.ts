import { idSchema } from '@spanpass/credential';
import { z } from 'zod';
import { type ImportedPipecd, type ImportPipecd, importedPipecdSchema, MAX_IMPORTED } from '../wire/pipecd.ts';
import type { Call } from './transport.ts';

const forgottenSchema = z.object({ project: idSchema, piped: idSchema });

/** The move of a fleet from PipeCD's own keys. Part of `ControlPlaneClient`. */
export class PipecdCalls {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  /**
   * Takes in pipeds with bcrypt hashes of their keys, a hundred at a time; what came in before one is refused stays. The
   * same import again changes nothing.
   */
  async import(
    pipeds: ImportPipecd['pipeds'],
    { dryRun = false }: { readonly dryRun?: boolean | undefined } = {},
  ): Promise<ImportedPipecd['items']> {
    const items: ImportedPipecd['items'] = [];
    for (let at = 0; at < pipeds.length; at += MAX_IMPORTED) {
      const body = { pipeds: pipeds.slice(at, at + MAX_IMPORTED), dryRun };
      items.push(...(await this.#call('POST', '/v1/pipecd/imports', importedPipecdSchema, body)).items);
    }
    return items;
  }

  /** Has none of PipeCD's keys of a piped be good any more. */
  async forget({ project, piped }: { readonly project: string; readonly piped: string }): Promise<void> {
    for (const id of [project, piped]) if (!idSchema.safeParse(id).success) throw new TypeError('no id of a piped');
    await this.#call('POST', `/v1/projects/${project}/pipeds/${piped}/forget-pipecd-keys`, forgottenSchema);
  }
}
