import { idSchema } from '@spanpass/credential';
import { type Command, InvalidArgumentError } from 'commander';
import type { z } from 'zod';
import { wrongUsage } from '../failure.ts';
import type { Io } from '../io.ts';

export const DEFAULT_CONTROL_PLANE = 'http://127.0.0.1:9085';
export const DEFAULT_DATA_DIR = '.spanpass';

export interface JsonOption {
  readonly json?: boolean;
}

export interface ControlPlaneOption extends JsonOption {
  readonly controlPlane?: string;
}

export interface DataDirOption extends JsonOption {
  readonly dataDir?: string;
}

export type AdminOptions = ControlPlaneOption & DataDirOption;

export function withJson(command: Command): Command {
  return command.option('--json', 'print one JSON value on stdout');
}

/** For commands that call the control plane. */
export function withControlPlane(command: Command): Command {
  return withJson(command).option(
    '--control-plane <url>',
    `where the control plane is (default: SPANPASS_CONTROL_PLANE, or ${DEFAULT_CONTROL_PLANE})`,
  );
}

/** For commands that call it as an administrator. */
export function withAdmin(command: Command): Command {
  return withDataDir(withControlPlane(command)).addHelpText(
    'after',
    '\nThe admin token comes from SPANPASS_ADMIN_TOKEN, or else from <data-dir>/admin-token.',
  );
}

export function withDataDir(command: Command): Command {
  return command.option(
    '--data-dir <directory>',
    `data of the embedded default (default: SPANPASS_DATA_DIR, or ${DEFAULT_DATA_DIR})`,
  );
}

export function withPiped(command: Command): Command {
  return command.requiredOption('--project <id>', 'the project', id).requiredOption('--piped <id>', 'the piped', id);
}

/** @throws Failure if it is no http or https URL */
export function controlPlaneOf({ env }: Pick<Io, 'env'>, { controlPlane }: ControlPlaneOption): string {
  const url = controlPlane ?? (env.SPANPASS_CONTROL_PLANE || DEFAULT_CONTROL_PLANE);
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  const where = controlPlane === undefined ? 'SPANPASS_CONTROL_PLANE' : '--control-plane';
  throw wrongUsage(`${where}: '${url}' is no http:// or https:// URL`);
}

export function dataDirOf({ env }: Pick<Io, 'env'>, { dataDir }: DataDirOption): string {
  return dataDir ?? (env.SPANPASS_DATA_DIR || DEFAULT_DATA_DIR);
}

/** Lines under the help; one that begins with a blank goes on from the line before. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map(line => (line.startsWith(' ') ? `  ${line}` : `  $ ${line}`)).join('\n')}`;
}

/** What a server can be told, one setting a line. */
export function settingsHelp(schema: z.ZodObject): string {
  const width = Math.max(...Object.keys(schema.shape).map(key => key.length));
  const lines = Object.entries(schema.shape).map(([key, setting]) =>
    `  ${key.padEnd(width)}  ${(setting as z.ZodType).description?.replaceAll('`', '') ?? ''}`.trimEnd(),
  );
  return `\nSettings:\n${lines.join('\n')}`;
}

/** For ids of projects and pipeds. */
export function id(text: string): string {
  const parsed = idSchema.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError(`It ${parsed.error.issues[0]?.message ?? 'is no id'}.`);
  return parsed.data;
}

export function port(text: string): number {
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number > 65_535) throw new InvalidArgumentError('It must be a port, 0 to 65535.');
  return number;
}
