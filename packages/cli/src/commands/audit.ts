import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import {
  AUDIT_ACTIONS,
  type AuditAction,
  type ChainedRow,
  type ChainHead,
  type ChainVerdict,
  chainedRowSchema,
  verifyAuditChain,
} from '@spanpass/control-plane/client';
import { Command, InvalidArgumentError, Option } from 'commander';
import { connectAdmin } from '../admin/connect.ts';
import { readHeads } from '../audit/heads.ts';
import { readLines } from '../audit/read-lines.ts';
import { Failure, oneLine, wrongUsage } from '../failure.ts';
import { type Io, printResult, write } from '../io.ts';
import { table } from '../output/table.ts';
import { time } from '../output/time.ts';
import { auditKeyCommand } from './audit-key.ts';
import { type AdminOptions, examples, id, withAdmin } from './options.ts';

const MAX_ROW_LENGTH = 16_384;

interface FilterFlags extends AdminOptions {
  readonly project?: string;
  readonly piped?: string;
  readonly action?: AuditAction;
  readonly from?: number;
  readonly until?: number;
}

/** `spanpass audit …`: what was done at the control plane, and whether the record of it was touched. */
export function auditCommand(io: Io): Command {
  return new Command('audit')
    .description('list, export and verify what was done at the control plane')
    .addCommand(listCommand(io))
    .addCommand(exportCommand(io))
    .addCommand(verifyCommand(io))
    .addCommand(auditKeyCommand(io));
}

function listCommand(io: Io): Command {
  return withFilters(withAdmin(new Command('list')))
    .description('list what was done, by whom and from where, the oldest first')
    .addOption(new Option('--limit <rows>', 'at most so many').argParser(limit).default(1000))
    .addHelpText(
      'after',
      examples(
        'spanpass audit list --project shop --from 2026-01-31',
        'spanpass audit list --action key.revoked --json | jq .items',
      ),
    )
    .action(async ({ limit, ...flags }: FilterFlags & { limit: number }) => {
      const items: unknown[] = [];
      for await (const row of (await connectAdmin(io, flags)).audit.rows(filterOf(flags))) {
        items.push(row);
        if (items.length === limit) break;
      }
      await printResult(io, flags.json, { items }, () =>
        table(
          ['ROW', 'AT', 'BY', 'WHO', 'FROM', 'ACTION', 'ON'],
          items.map(item => {
            const row = chainedRowSchema.safeParse(item);
            return row.success ? cellsOf(row.data) : ['?', '-', '-', '-', '-', 'no audit row: verify', '-'];
          }),
        ),
      );
    });
}

function exportCommand(io: Io): Command {
  return withFilters(withAdmin(new Command('export')))
    .description('write all rows as JSON lines to stdout, with their hashes')
    .addHelpText('after', examples('spanpass audit export > audit.jsonl'))
    .action(async (flags: FilterFlags) => {
      for await (const row of (await connectAdmin(io, flags)).audit.rows(filterOf(flags))) {
        if (io.stop.aborted) throw new Failure('interrupted: what was written is not all');
        await write(io.stdout, `${JSON.stringify(row)}\n`);
      }
    });
}

interface VerifyFlags extends AdminOptions {
  readonly file?: string;
  readonly head?: string;
  readonly key?: string;
}

function verifyCommand(io: Io): Command {
  return withAdmin(new Command('verify'))
    .description('check the chain of all rows here, row by row; without --head, a cut-off end may pass')
    .option('--file <file>', "an export instead of the control plane's own rows; - for stdin")
    .option('--head <file>', 'signed heads that an auth server kept (auditHeadFile)')
    .option('--key <file>', "the pinned audit keys that signed them, as 'spanpass audit key' prints them")
    .addHelpText(
      'after',
      examples(
        'spanpass audit verify --head /var/lib/spanpass/audit.heads --key audit-keys.json',
        'spanpass audit verify --file audit.jsonl',
      ),
    )
    .action(async (flags: VerifyFlags) => {
      if ((flags.head === undefined) !== (flags.key === undefined)) {
        throw wrongUsage('--head and --key belong together: a head counts for its signature');
      }
      const heads: ChainHead[] = flags.head && flags.key ? await readHeads(flags.head, flags.key) : [];
      const verdict =
        flags.file === undefined ? await ofControlPlane(io, flags, heads) : await ofFile(io, flags.file, heads);
      await printResult(io, flags.json, verdict, () =>
        verdict.intact
          ? `The audit is intact: ${verdict.rows} rows, ${heads.length === 0 ? 'of which the end is vouched for by no head' : `in agreement with ${heads.length} signed heads`}.\n`
          : '',
      );
      if (!verdict.intact) throw new Failure(`the audit was tampered with: ${describe(verdict)}`);
    });
}

async function ofControlPlane(io: Io, flags: AdminOptions, heads: readonly ChainHead[]): Promise<ChainVerdict> {
  const { audit } = await connectAdmin(io, flags);
  // Before the rows, of which more may come meanwhile.
  const current = await audit.head();
  return verifyAuditChain(audit.rows(), current.seq === 0 ? heads : [...heads, current]);
}

async function ofFile(io: Io, file: string, heads: readonly ChainHead[]): Promise<ChainVerdict> {
  const stream = file === '-' ? io.stdin : createReadStream(file);
  try {
    return await verifyAuditChain(rowsOf(stream, file), heads);
  } catch (error) {
    throw error instanceof Failure ? error : new Failure(`can't read ${file}: ${oneLine(error)}`);
  }
}

async function* rowsOf(stream: Readable, file: string): AsyncGenerator<unknown, void> {
  for await (const line of readLines(stream, file, MAX_ROW_LENGTH)) {
    let row: unknown;
    try {
      row = JSON.parse(line);
    } catch {
      // No row: the chain says where.
    }
    yield row;
  }
}

function describe({ fault, seq }: Extract<ChainVerdict, { intact: false }>): string {
  switch (fault) {
    case 'malformed':
      return `what stands in the place of row ${seq} is no audit row`;
    case 'missing':
      return `row ${seq} is missing`;
    case 'out_of_order':
      return `row ${seq} is out of order`;
    case 'changed':
      return `row ${seq} was changed`;
    case 'rewritten':
      return `row ${seq}, or one before it, is not the one that a head stands for`;
    case 'cut_off':
      return `row ${seq} and what followed it were cut off`;
  }
}

function cellsOf({ seq, at, actor, action, target }: ChainedRow): (string | number)[] {
  const { project, piped, ...other } = target;
  const on = [[project, piped].filter(Boolean).join('/'), ...Object.values(other)].filter(Boolean).join(' ');
  const who = actor.person?.email ?? actor.person?.subject ?? actor.tokenId ?? '-';
  return [seq, time(at), actor.role, who, actor.peerAddress ?? '-', action, on || '-'];
}

function withFilters(command: Command): Command {
  return command
    .addOption(new Option('--project <id>', 'only of this project').argParser(id))
    .addOption(new Option('--piped <id>', 'only of pipeds with this id').argParser(id))
    .addOption(new Option('--action <action>', 'only this').choices(AUDIT_ACTIONS))
    .addOption(new Option('--from <time>', 'from this time on: ISO 8601, or seconds since 1970').argParser(seconds))
    .addOption(new Option('--until <time>', 'before this time').argParser(seconds));
}

function filterOf({ project, piped, action, from, until }: FilterFlags) {
  return { project, piped, action, from, until };
}

function seconds(text: string): number {
  const value = /^\d{1,12}$/.test(text) ? Number(text) : Math.floor(Date.parse(text) / 1000);
  if (!(value >= 0)) throw new InvalidArgumentError('It must be a time, like 2026-01-31 or 2026-01-31T12:00:00Z.');
  return value;
}

function limit(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It must be a number of rows, up to 999999.');
  return Number(text);
}
