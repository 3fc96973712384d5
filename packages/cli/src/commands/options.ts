import { type Command, InvalidArgumentError, Option } from 'commander';

export const DEFAULT_CONTROL_PLANE = 'http://127.0.0.1:9085';
export const DEFAULT_DATA_DIR = '.spanpass';

export interface JsonOption {
  readonly json?: boolean;
}

export interface AdminOptions extends JsonOption {
  readonly controlPlane: string;
  readonly dataDir: string;
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print one JSON value on stdout');
}

/** For commands that call the control plane. */
export function withControlPlane(command: Command): Command {
  return withJson(command).addOption(
    new Option('--control-plane <url>', 'where the control plane is')
      .env('SPANPASS_CONTROL_PLANE')
      .default(DEFAULT_CONTROL_PLANE)
      .argParser(httpUrl),
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
  return command.addOption(
    new Option('--data-dir <directory>', 'data of the embedded default')
      .env('SPANPASS_DATA_DIR')
      .default(DEFAULT_DATA_DIR),
  );
}

export function withPiped(command: Command): Command {
  return command.requiredOption('--project <id>', 'the project').requiredOption('--piped <id>', 'the piped');
}

/** Lines under the help; one that begins with a blank goes on from the line before. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map(line => (line.startsWith(' ') ? `  ${line}` : `  $ ${line}`)).join('\n')}`;
}

export function port(text: string): number {
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number > 65_535) throw new InvalidArgumentError('It must be a port, 0 to 65535.');
  return number;
}

function httpUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new InvalidArgumentError('It must be an http:// or https:// URL.');
  }
  return text;
}
