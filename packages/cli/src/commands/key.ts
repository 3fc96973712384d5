import { lstat } from 'node:fs/promises';
import { writeKeyFile } from '@spanpass/client';
import { type Algorithm, algorithmSchema, DEFAULT_ALGORITHM, type KeyRecord, kidSchema } from '@spanpass/credential';
import { Command, InvalidArgumentError, Option } from 'commander';
import { connectAdmin } from '../admin/connect.ts';
import { Failure } from '../failure.ts';
import { type Io, printResult } from '../io.ts';
import { table } from '../output/table.ts';
import { time } from '../output/time.ts';
import { type AdminOptions, examples, withAdmin, withPiped } from './options.ts';

interface PipedFlags extends AdminOptions {
  readonly project: string;
  readonly piped: string;
}

/** `spanpass key …`: administration of keys. */
export function keyCommand(io: Io): Command {
  return new Command('key')
    .description('list, create and revoke keys')
    .addCommand(listCommand(io))
    .addCommand(createCommand(io))
    .addCommand(revokeCommand(io));
}

function listCommand(io: Io): Command {
  return withAdmin(withPiped(new Command('list')))
    .description('list the keys of a piped')
    .addHelpText('after', examples('spanpass key list --project shop --piped edge-1'))
    .action(async (flags: PipedFlags) => {
      const admin = await connectAdmin(io, flags);
      const items = await admin.listKeys(flags);
      await printResult(io, flags.json, { items }, () =>
        items.length === 0
          ? `${flags.piped} of ${flags.project} has no keys yet.\n`
          : table(
              ['KID', 'ALG', 'STATUS', 'FROM', 'UNTIL', 'LAST USED'],
              items.map(key => [
                key.kid,
                key.alg,
                key.keyStatus,
                time(key.notBefore),
                time(key.notAfter),
                key.lastUsedAt === undefined ? '-' : time(key.lastUsedAt),
              ]),
            ),
      );
    });
}

function createCommand(io: Io): Command {
  return withAdmin(withPiped(new Command('create')))
    .description('have the control plane make a key pair, and keep the key file that it hands out once')
    .requiredOption('--key-file <file>', 'where to keep it (0600); never overwritten')
    .addOption(new Option('--alg <algorithm>').choices(algorithmSchema.options).default(DEFAULT_ALGORITHM))
    .addHelpText(
      'after',
      "\nBetter is 'spanpass enroll' on the piped's own machine: then the private half never travels.",
    )
    .addHelpText('after', examples('spanpass key create --project shop --piped edge-1 --key-file key.json'))
    .action(async (flags: PipedFlags & { keyFile: string; alg: Algorithm }) => {
      await refuseToOverwrite(flags.keyFile);
      const admin = await connectAdmin(io, flags);
      const { record, keyFile } = await admin.createKey(flags, { generate: true, alg: flags.alg });
      try {
        await writeKeyFile(flags.keyFile, keyFile);
      } catch (error) {
        // It was handed out once and is lost, so nobody shall have it.
        await admin.revokeKey(record.kid, { force: true });
        throw error;
      }
      await printResult(io, flags.json, { record, keyFile: flags.keyFile }, () => {
        const { kid, piped, project, notAfter } = record;
        return `${piped} of ${project} has the key ${kid}, good until ${time(notAfter)}.\nThe key is in ${flags.keyFile}.\n`;
      });
    });
}

function revokeCommand(io: Io): Command {
  return withAdmin(new Command('revoke'))
    .description('revoke a key: final, and known everywhere within a second')
    .argument('<kid>', "the key's id", kidOf)
    .option('--force', 'also the last key that its piped is known to use: it is shut out then')
    .addHelpText(
      'after',
      examples(
        'spanpass key revoke NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
        'spanpass key revoke NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs --force',
      ),
    )
    .action(async (kid: string, flags: AdminOptions & { force?: true }) => {
      const admin = await connectAdmin(io, flags);
      const record: KeyRecord = await admin.revokeKey(kid, { force: flags.force });
      await printResult(
        io,
        flags.json,
        record,
        () => `Key ${record.kid} of ${record.piped} in ${record.project} is ${record.keyStatus}.\n`,
      );
    });
}

/** Before anything is made that could not be kept. */
async function refuseToOverwrite(path: string): Promise<void> {
  const exists = await lstat(path).then(
    () => true,
    () => false,
  );
  if (exists) throw new Failure(`${path} exists already and is not overwritten: move it away, or name another`);
}

function kidOf(text: string): string {
  if (!kidSchema.safeParse(text).success) throw new InvalidArgumentError('It must be the 43 characters of a key id.');
  return text;
}
