import { renew } from '@spanpass/client';
import { type Algorithm, algorithmSchema } from '@spanpass/credential';
import { Command, Option } from 'commander';
import { type Io, printResult } from '../io.ts';
import { type ControlPlaneOption, controlPlaneOf, examples, withJson } from './options.ts';

interface RenewFlags extends ControlPlaneOption {
  readonly keyFile: string;
  readonly alg?: Algorithm;
}

/** `spanpass renew`: the piped's side of replacing its key. */
export function renewCommand(io: Io): Command {
  return withJson(new Command('renew'))
    .description("replace a piped's key by a new one, which the current one vouches for")
    .requiredOption('--key-file <file>', "the piped's key file, which is replaced")
    .option('--control-plane <url>', "where the control plane is (default: the key file's)")
    .addOption(new Option('--alg <algorithm>', "default: the current key's").choices(algorithmSchema.options))
    .addHelpText(
      'after',
      `\nThe current key stays good for an overlap, 10 minutes unless the control plane says otherwise. Whatever happens,
the file holds a key that works: after a crash or a lost answer, run the same again. A process that uses
createClient renews by itself at two thirds of the key's life, and takes up a key renewed here.\n${examples(
        'spanpass renew --key-file /etc/piped/key.json',
      )}`,
    )
    .action(async ({ keyFile, alg, controlPlane, json }: RenewFlags) => {
      const renewed = await renew({
        keyFile,
        alg,
        controlPlane: controlPlane === undefined ? undefined : controlPlaneOf(io, { controlPlane }),
      });
      const { project, piped, kid, notAfter } = renewed;
      await printResult(
        io,
        json,
        { ...renewed, keyFile },
        () =>
          `${piped} of ${project} goes on with key ${kid}, good until ${new Date(notAfter * 1000).toISOString()}.\n`,
      );
    });
}
