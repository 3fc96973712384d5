import { open } from 'node:fs/promises';
import type { ControlPlaneClient, ListedPiped } from '@spanpass/control-plane/client';
import { FormatError } from '@spanpass/credential';
import { type ExportedPiped, parsePipecdExport } from '@spanpass/server';
import { Command, Option } from 'commander';
import { connectAdmin } from '../admin/connect.ts';
import { Failure, oneLine } from '../failure.ts';
import { type Io, printResult } from '../io.ts';
import { table } from '../output/table.ts';
import { time } from '../output/time.ts';
import { type AdminOptions, examples, id, withAdmin, withPiped } from './options.ts';

const MAX_FILE_BYTES = 64 << 20;
const MAX_PIPEDS = 100_000;
/** Auth servers report every half minute, and pipeds export at least each time that they deploy. */
const QUIET_SECONDS = 3600;

/** `spanpass pipecd …`: the move of a fleet from PipeCD's own keys. */
export function pipecdCommand(io: Io): Command {
  return new Command('pipecd')
    .description("move a fleet from PipeCD's own keys: import them, see who still uses them, forget them")
    .addCommand(importCommand(io))
    .addCommand(reportCommand(io))
    .addCommand(forgetCommand(io));
}

function importCommand(io: Io): Command {
  return withAdmin(new Command('import'))
    .description("import pipeds and the hashes of their keys from a JSON list of PipeCD's `Piped` records")
    .requiredOption('--file <file>', 'the list, as the datastore holds it: SELECT JSON_ARRAYAGG(data) FROM Piped')
    .option('--dry-run', 'only say what would be done')
    .addHelpText(
      'after',
      examples('spanpass pipecd import --file pipeds.json --dry-run', 'spanpass pipecd import --file pipeds.json'),
    )
    .action(async (flags: AdminOptions & { file: string; dryRun?: true }) => {
      const pipeds = await readExport(flags.file);
      const admin = await connectAdmin(io, flags);
      const dryRun = flags.dryRun ?? false;
      const items = await admin.pipecd.import(
        pipeds.map(({ hashes, ...piped }) => ({ ...piped, hashes: [...hashes] })),
        { dryRun },
      );
      const count = (outcome: string) => items.filter(item => item.outcome === outcome).length;
      const disabled = items.filter(item => item.disabledNow).length;
      await printResult(
        io,
        flags.json,
        { dryRun, items },
        () =>
          `${items.length} pipeds: ${count('registered')} ${dryRun ? 'would be' : 'were'} registered, ${count('keys_changed')} ${dryRun ? 'would get' : 'got'} other keys, ` +
          `${count('unchanged')} have just these; ${disabled} ${dryRun ? 'would be' : 'were'} disabled, as they are in PipeCD.\n`,
      );
    });
}

/** Where a piped stands on its way. */
type Stage = 'moved' | 'moving' | 'old key' | 'silent';

function reportCommand(io: Io): Command {
  return withAdmin(new Command('report'))
    .description("show which pipeds may still use PipeCD's keys, and which of them do")
    .addOption(new Option('--project <id>', 'only of this project').argParser(id))
    .addHelpText('after', examples('spanpass pipecd report', "spanpass pipecd report --json | jq '.items[].stage'"))
    .action(async (flags: AdminOptions & { project?: string }) => {
      const admin = await connectAdmin(io, flags);
      const items = (await oldPipeds(admin, flags.project)).map(piped => ({ ...piped, ...progressOf(piped) }));
      await printResult(io, flags.json, { items }, () =>
        items.length === 0
          ? "No piped may use PipeCD's keys.\n"
          : table(
              ['PROJECT', 'PIPED', 'STATUS', 'OLD KEY SEEN', 'OWN KEY SEEN', 'STAGE'],
              items.map(item => [
                item.project,
                item.piped,
                item.projectStatus === 'disabled' ? 'project disabled' : item.pipedStatus,
                item.oldKeySeenAt === undefined ? '-' : time(item.oldKeySeenAt),
                item.ownKeySeenAt === undefined ? '-' : time(item.ownKeySeenAt),
                item.stage,
              ]),
            ),
      );
    });
}

async function oldPipeds(admin: ControlPlaneClient, project: string | undefined): Promise<ListedPiped[]> {
  return (await admin.listPipeds({ project })).filter(({ pipecdKeys }) => pipecdKeys > 0);
}

/**
 * - `moved`: seen by a key of its own, and not by the old one for an hour before that
 * - `moving`: seen by both lately; some other process of it may use the old one
 * - `old key`: seen by the old one alone, or by it last
 * - `silent`: never seen
 */
function progressOf({ lastSeenBy }: ListedPiped) {
  const seenBy = (name: string) => lastSeenBy.find(({ authenticator }) => authenticator === name)?.lastSeenAt;
  const [oldKeySeenAt, ownKeySeenAt] = [seenBy('pipecd-key'), seenBy('piped-jwt')];
  let stage: Stage = 'silent';
  if (ownKeySeenAt === undefined) stage = oldKeySeenAt === undefined ? 'silent' : 'old key';
  else if (oldKeySeenAt === undefined || ownKeySeenAt - oldKeySeenAt >= QUIET_SECONDS) stage = 'moved';
  else stage = oldKeySeenAt - ownKeySeenAt >= QUIET_SECONDS ? 'old key' : 'moving';
  return { oldKeySeenAt, ownKeySeenAt, stage };
}

function forgetCommand(io: Io): Command {
  return withAdmin(withPiped(new Command('forget')))
    .description("have none of PipeCD's keys of a piped be good any more, within a second")
    .addHelpText('after', examples('spanpass pipecd forget --project shop --piped edge-1'))
    .action(async (flags: AdminOptions & { project: string; piped: string }) => {
      const { project, piped } = flags;
      await (await connectAdmin(io, flags)).pipecd.forget({ project, piped });
      await printResult(
        io,
        flags.json,
        { project, piped },
        () => `${piped} of ${project} has no key of PipeCD's any more.\n`,
      );
    });
}

async function readExport(path: string): Promise<ExportedPiped[]> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > MAX_FILE_BYTES) throw new Failure(`${path}: larger than ${MAX_FILE_BYTES >> 20} MiB`);
      return parsePipecdExport(await file.readFile('utf8'), MAX_PIPEDS);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (error instanceof FormatError) throw new Failure(`${path}: ${error.message}`);
    throw new Failure(`can't read ${path}: ${oneLine(error)}`);
  }
}
