import { text } from 'node:stream/consumers';
import { enroll } from '@spanpass/client';
import { type Algorithm, algorithmSchema, DEFAULT_ALGORITHM } from '@spanpass/credential';
import { Command, Option } from 'commander';
import { wrongUsage } from '../failure.ts';
import { type Io, printResult } from '../io.ts';
import { type ControlPlaneOption, controlPlaneOf, examples, withControlPlane } from './options.ts';

interface EnrollFlags extends ControlPlaneOption {
  readonly token?: string;
  readonly keyFile: string;
  readonly alg: Algorithm;
}

/** `spanpass enroll`: the piped's side of getting a key. */
export function enrollCommand(io: Io): Command {
  return withControlPlane(new Command('enroll'))
    .description('make a key pair here and have it accepted; its private half never leaves this machine')
    .option(
      '--token <token>',
      "the one-time enrollment token (default: SPANPASS_ENROLLMENT_TOKEN); '-' reads standard input",
    )
    .requiredOption('--key-file <file>', 'where to keep the key (0600); never overwritten')
    .addOption(new Option('--alg <algorithm>').choices(algorithmSchema.options).default(DEFAULT_ALGORITHM))
    .addHelpText(
      'after',
      examples(
        'spanpass enroll --token "$TOKEN" --key-file /etc/piped/key.json',
        'pass show edge-1 | spanpass enroll --token - --key-file key.json --control-plane https://pass.example.com',
      ),
    )
    .action(async (flags: EnrollFlags) => {
      const enrolled = await enroll({
        controlPlane: controlPlaneOf(io, flags),
        enrollmentToken: await tokenFrom(io, flags.token),
        keyFile: flags.keyFile,
        alg: flags.alg,
      });
      const { project, piped, kid, notAfter } = enrolled;
      await printResult(
        io,
        flags.json,
        { ...enrolled, keyFile: flags.keyFile },
        () =>
          `${piped} of ${project} is enrolled with key ${kid}, good until ${new Date(notAfter * 1000).toISOString()}.\n` +
          `The key is in ${flags.keyFile}; nobody else has it.\n`,
      );
    });
}

async function tokenFrom(io: Io, flag: string | undefined): Promise<string> {
  const token = flag ?? (io.env.SPANPASS_ENROLLMENT_TOKEN || undefined);
  if (token === undefined) throw wrongUsage('an enrollment token is needed: --token, or SPANPASS_ENROLLMENT_TOKEN');
  const found = (token === '-' ? await text(io.stdin) : token).trim();
  if (!/^[\x21-\x7e]{1,512}$/.test(found)) throw wrongUsage('that is no enrollment token');
  return found;
}
