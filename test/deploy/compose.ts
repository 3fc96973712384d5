import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../engines/run.ts';
import { deployRoom } from './places.ts';

/** What of a service these suites look at, as the loader of `docker compose` has understood it. */
export interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly read_only?: boolean;
  readonly user?: string;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly network_mode?: string;
  readonly ports?: readonly { readonly host_ip?: string; readonly target: number }[];
  readonly volumes?: readonly { readonly type: string; readonly source: string; readonly target: string }[];
}

export const composeFolder = join(deployRoom, 'compose');

/** Writes an environment with secrets by the script of the room, and gives it. */
export async function madeSecrets(folder: string): Promise<Record<string, string>> {
  const file = join(folder, '.env');
  await run(process.execPath, [join(composeFolder, 'make-env.mjs'), file]);
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  return Object.fromEntries(lines.map(line => line.split(/=(.*)/s).slice(0, 2)));
}

export async function servicesOf(
  loader: string,
  files: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Record<string, Service>> {
  const printed = await run(
    loader,
    files.map(file => join(composeFolder, file)),
    { env },
  );
  return (JSON.parse(printed) as { services: Record<string, Service> }).services;
}
