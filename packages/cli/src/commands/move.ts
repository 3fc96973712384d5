import { Command } from 'commander';
import { wrongUsage } from '../failure.ts';
import { type Io, printResult } from '../io.ts';
import { DEFAULT_DATA_DIR, examples, type JsonOption, withJson } from './options.ts';

interface MoveFlags extends JsonOption {
  readonly from: string;
  readonly to?: string;
}

/** `spanpass control-plane move`: from the embedded database to PostgreSQL. */
export function moveCommand(io: Io): Command {
  return withJson(new Command('move'))
    .description('move the embedded database to an empty PostgreSQL database: all of it, or nothing')
    .option('--from <directory>', 'the data directory of the stopped control plane', DEFAULT_DATA_DIR)
    .option('--to <url>', 'postgresql://… (default: SPANPASS_DATABASE_URL, which shows no password to others)')
    .addHelpText(
      'after',
      '\nThe source stays as it is. Carry the encryption key and the tokens in its directory along: the signing keys are moved\nas they are, encrypted.',
    )
    .addHelpText('after', examples('SPANPASS_DATABASE_URL=postgresql://… spanpass control-plane move --from .spanpass'))
    .action(async (_: unknown, command: Command) => {
      const { from, to, json } = command.optsWithGlobals<MoveFlags>();
      const databaseUrl = to ?? io.env.SPANPASS_DATABASE_URL;
      if (!databaseUrl || !URL.canParse(databaseUrl) || !/^postgres(ql)?:$/.test(new URL(databaseUrl).protocol)) {
        throw wrongUsage('--to, or SPANPASS_DATABASE_URL: must be a postgresql:// URL');
      }
      const { moveDatabase } = await import('@spanpass/control-plane');
      const moved = await moveDatabase({ dataDir: from, databaseUrl });
      const rows = moved.tables.reduce((sum, table) => sum + table.rows, 0);
      await printResult(
        io,
        json,
        moved,
        () =>
          `Moved ${rows} rows of ${moved.tables.length} tables, up to revision ${moved.revision}; each arrived as it was, and the audit verifies.\n` +
          `Start the control plane with SPANPASS_DATABASE_URL now, and with SPANPASS_ENCRYPTION_KEY set to the key in ${from}/encryption-key,\n` +
          `or to the one that it had. Its tokens are in ${from} still: keep --data-dir, or set SPANPASS_ADMIN_TOKEN and\n` +
          'SPANPASS_AUTH_SERVER_TOKEN to them. The old database is as it was; put it out of use.\n',
      );
    });
}
