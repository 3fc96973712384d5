import { Command, InvalidArgumentError, Option } from 'commander';
import { connectAdmin } from '../admin/connect.ts';
import { type Io, printResult } from '../io.ts';
import { type AdminOptions, examples, withAdmin } from './options.ts';

const DAY_SECONDS = 86_400;

/** `spanpass audit key`: what whoever verifies the audit pins. */
export function auditKeyCommand(io: Io): Command {
  return withAdmin(new Command('key'))
    .description("print the public keys that heads of the audit are signed with, a JWK Set for 'audit verify --key'")
    .addOption(
      new Option('--rotate [seconds]', 'make a new one, which signs after so long; keep the old one for older heads')
        .argParser(wholeSeconds)
        .preset(String(DAY_SECONDS)),
    )
    .addHelpText('after', examples('spanpass audit key > audit-keys.json', 'spanpass audit key --rotate'))
    .action(async (flags: AdminOptions & { rotate?: number }) => {
      const { audit } = await connectAdmin(io, flags);
      const keys =
        flags.rotate === undefined ? await audit.keys() : await audit.rotateKey({ signsInSeconds: flags.rotate });
      await printResult(io, true, keys, () => '');
    });
}

function wholeSeconds(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError('must be a whole number of seconds.');
  return Number(text);
}
