import { createReadStream } from 'node:fs';
import { Command } from 'commander';
import { readLines } from '../audit/read-lines.ts';
import { Failure, wrongUsage } from '../failure.ts';
import { type Io, printResult, tell } from '../io.ts';
import { type DataDirOption, dataDirOf, examples, withDataDir, withJson } from './options.ts';

const MAX_ROW_LENGTH = 16_384;

interface RestoredFlags extends DataDirOption {
  readonly databaseUrl?: string;
  readonly audit?: string;
}

/** `spanpass control-plane restored`: what has to be done between a restore and a start. */
export function restoredCommand(io: Io): Command {
  return withDataDir(withJson(new Command('restored')))
    .description(
      'after a backup was restored, and before the control plane starts: let nothing that was revoked come back',
    )
    .option(
      '--database-url <url>',
      'the restored PostgreSQL database (default: SPANPASS_DATABASE_URL, or the data directory)',
    )
    .option(
      '--audit <file>',
      "the newest 'spanpass audit export' that there is: what it says was revoked is revoked again",
    )
    .addHelpText(
      'after',
      '\nAll followers start over. Without --audit, keys, tokens and pipeds that were revoked or disabled since the backup are good\nagain: revoke them by hand before anybody is let in.',
    )
    .addHelpText('after', examples('spanpass control-plane restored --audit audit.jsonl'))
    .action(async (_: unknown, command: Command) => {
      const flags = command.optsWithGlobals<RestoredFlags>();
      const databaseUrl = (flags.databaseUrl ?? io.env.SPANPASS_DATABASE_URL) || undefined;
      if (databaseUrl !== undefined && !/^postgres(ql)?:\/\//.test(databaseUrl)) {
        throw wrongUsage('--database-url, or SPANPASS_DATABASE_URL: must be a postgresql:// URL');
      }
      const { settleRestore } = await import('@spanpass/control-plane');
      const auditRows = flags.audit === undefined ? undefined : rowsOf(flags.audit);
      const settled = await settleRestore({ dataDir: dataDirOf(io, flags), databaseUrl, auditRows });
      const { takenAway, lost, restoredTo } = settled;
      const list = (rows: typeof lost) =>
        rows.map(({ seq, action, target }) => `  row ${seq}: ${action} ${Object.values(target).join(' ')}\n`).join('');
      await printResult(
        io,
        flags.json,
        settled,
        () =>
          `The backup ends with row ${restoredTo} of the audit. All followers will start over.\n` +
          (takenAway.length > 0 ? `Taken away again, as the export says:\n${list(takenAway)}` : '') +
          (lost.length > 0 ? `Made since the backup, and gone; register or enroll it anew:\n${list(lost)}` : ''),
      );
      if (flags.audit === undefined) {
        await tell(
          io,
          `spanpass: WARNING: whatever was revoked or disabled after row ${restoredTo} is good again: revoke it by hand, or give --audit`,
        );
      }
    });
}

async function* rowsOf(file: string): AsyncGenerator<unknown, void> {
  const stream = createReadStream(file);
  try {
    for await (const line of readLines(stream, file, MAX_ROW_LENGTH)) yield JSON.parse(line);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`${file}: can't be read as an export of the audit`, { cause: error });
  }
}
