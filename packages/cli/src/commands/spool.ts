import { stat } from 'node:fs/promises';
import type { DeadLetter, Drop, PendingSegment, SignalKind } from '@spanpass/tracing/durable';
import { Command } from 'commander';
import { Failure } from '../failure.ts';
import { type Io, printResult } from '../io.ts';
import { printable, table } from '../output/table.ts';
import { examples, type JsonOption, withJson } from './options.ts';

interface SpoolFlags extends JsonOption {
  readonly spool: string;
}

/** `spanpass spool`: what waits on disk, what was dropped, and what the gateway refused for good. */
export function spoolCommand(io: Io): Command {
  return new Command('spool')
    .description('look into a spool folder of a piped')
    .addCommand(listCommand(io))
    .addCommand(showCommand(io))
    .addCommand(resendCommand(io))
    .addHelpText('after', examples('spanpass spool list --spool /var/lib/piped/spool'));
}

function withSpool(command: Command): Command {
  return withJson(command).requiredOption('--spool <directory>', 'the spool folder');
}

function listCommand(io: Io): Command {
  return withSpool(new Command('list'))
    .description('what is pending for each signal, what was dropped and why, and dead letters')
    .addHelpText('after', examples('spanpass spool list --spool /var/lib/piped/spool --json'))
    .action(async ({ spool, json }: SpoolFlags) => {
      await mustExist(spool);
      const { DeadLetters, dropsIn, pendingIn } = await import('@spanpass/tracing/durable');
      const pending = pendingBySignal(await pendingIn(spool));
      const drops = dropsByReason(dropsIn(spool));
      const deadLetters = await new DeadLetters(spool).list();
      await printResult(io, json, { pending, drops, deadLetters }, () =>
        [pendingTable(pending), dropsTable(drops), lettersTable(deadLetters)].join('\n'),
      );
    });
}

function showCommand(io: Io): Command {
  return withSpool(new Command('show'))
    .argument('<id>', 'of a dead letter')
    .description('what is in a dead letter, and why it was refused')
    .addHelpText('after', examples('spanpass spool show --spool /var/lib/piped/spool ID'))
    .action(async (id: string, { spool, json }: SpoolFlags) => {
      await mustExist(spool);
      const { DeadLetters, summaryOf } = await import('@spanpass/tracing/durable');
      const found = await new DeadLetters(spool).read(id);
      if (!found) throw new Failure(`no dead letter '${id}' in ${spool} (see: spanpass spool list)`);
      const { letter, payload } = found;
      const summary = summaryOf(letter.kind, payload);
      await printResult(io, json, { letter, summary }, () => {
        const names = summary.kind === 'readable' ? summary.items.map(item => [item.name, item.traceId ?? '']) : [];
        const body = summary.kind === 'readable' ? table(['NAME', 'TRACE'], names) : `${printable(summary.error)}\n`;
        return `${lettersTable([letter])}\n${body}`;
      });
    });
}

function resendCommand(io: Io): Command {
  return withSpool(new Command('resend'))
    .argument('[id...]', 'of dead letters (default: all)')
    .description('put dead letters back into the spool; whoever sends from it sends them again')
    .addHelpText('after', examples('spanpass spool resend --spool /var/lib/piped/spool'))
    .action(async (ids: string[], { spool: folder, json }: SpoolFlags) => {
      await mustExist(folder);
      const { resendDeadLetters, Spool } = await import('@spanpass/tracing/durable');
      // Whoever owns the folder has bounds that are not known here: nothing of it may be dropped meanwhile.
      const { MAX_SAFE_INTEGER } = Number;
      await using spool = new Spool({
        folder,
        maxBytes: MAX_SAFE_INTEGER,
        maxAgeMs: MAX_SAFE_INTEGER,
        maxRecordBytes: 64 * 1024 * 1024,
        whenFull: 'refuse',
      });
      const result = await resendDeadLetters(spool, ids.length ? ids : undefined);
      const { resent, kept } = result;
      await printResult(io, json, result, () => `${resent.length} put back into the spool.\n`);
      if (kept.length) throw new Failure(`not found, or refused by the spool: ${kept.join(', ')}`);
    });
}

/** A mistyped folder must not look like an empty spool, nor be made. */
async function mustExist(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory()) throw new Failure(`there is no spool folder ${folder}`);
}

interface Pending {
  readonly signal: SignalKind;
  readonly records: number;
  readonly items: number;
  readonly bytes: number;
  readonly oldestAtMs: number;
}

function pendingBySignal(segments: readonly PendingSegment[]): Pending[] {
  const sums = new Map<SignalKind, Pending>();
  for (const { kind, records, items, bytes, createdAtMs } of segments) {
    const sum = sums.get(kind);
    sums.set(kind, {
      signal: kind,
      records: records + (sum?.records ?? 0),
      items: items + (sum?.items ?? 0),
      bytes: bytes + (sum?.bytes ?? 0),
      oldestAtMs: Math.min(createdAtMs, sum?.oldestAtMs ?? createdAtMs),
    });
  }
  return [...sums.values()];
}

function dropsByReason(drops: readonly Drop[]): { signal: SignalKind; reason: string; items: number }[] {
  const sums = new Map<string, { signal: SignalKind; reason: string; items: number }>();
  for (const { kind, reason, items } of drops) {
    const key = `${kind} ${reason}`;
    sums.set(key, { signal: kind, reason, items: items + (sums.get(key)?.items ?? 0) });
  }
  return [...sums.values()];
}

function pendingTable(pending: readonly Pending[]): string {
  const rows = pending.map(p => [p.signal, p.records, p.items, p.bytes, new Date(p.oldestAtMs).toISOString()]);
  return rows.length ? table(['PENDING', 'RECORDS', 'ITEMS', 'BYTES', 'OLDEST'], rows) : 'Nothing is pending.\n';
}

function dropsTable(drops: ReturnType<typeof dropsByReason>): string {
  const rows = drops.map(({ signal, reason, items }) => [signal, reason, items]);
  return rows.length ? table(['DROPPED', 'REASON', 'ITEMS'], rows) : 'Nothing was dropped.\n';
}

function lettersTable(letters: readonly DeadLetter[]): string {
  const rows = letters.map(l => [l.id, l.kind, l.items, l.bytes, l.reason, l.message]);
  return rows.length
    ? table(['DEAD LETTER', 'SIGNAL', 'ITEMS', 'BYTES', 'REASON', 'MESSAGE'], rows)
    : 'There are no dead letters.\n';
}
