import { openSync, writeSync } from 'node:fs';
import { Spool } from '../spool/spool.ts';
import { seeded } from './scratch.ts';

/**
 * A process to be killed: appends numbered records as fast as it can, and, if it is to send, takes batches and writes
 * them to a file. Whatever it says in its files was so before: an append had returned, a batch was not yet acknowledged.
 */
export interface CrashChildOptions {
  readonly folder: string;
  /** Of the appender; its records are `<name>:<number>:` and some filling. */
  readonly name: string;
  readonly seed: number;
  /** Gets the number of each record whose append has returned. */
  readonly appendedFile: string;
  /** Gets `<pid> <nanoseconds> <record>` of each record before it is acknowledged; without it, nothing is sent. */
  readonly sinkFile?: string;
  readonly maxRecords?: number;
}

const SENDING = { maxRecords: 64, maxBytes: 256 * 1024 };

async function main({ folder, name, seed, appendedFile, sinkFile, maxRecords }: CrashChildOptions): Promise<void> {
  const random = seeded(seed);
  const appended = openSync(appendedFile, 'a');
  const sink = sinkFile === undefined ? undefined : openSync(sinkFile, 'a');
  const spool = new Spool({ folder, segmentBytes: 16 * 1024 });
  process.stdout.write('ready\n');
  for (let number = 0; number < (maxRecords ?? Number.POSITIVE_INFINITY); number++) {
    const record = `${name}:${number}:`.padEnd(10 + Math.floor(random() * 2_000), '.');
    if (spool.append('traces', Buffer.from(record)).kind === 'stored') writeSync(appended, `${number}\n`);
    if (number % 20 !== 19) continue;
    if (sink !== undefined) await send(spool, sink);
    await new Promise(resolve => setTimeout(resolve, random() * 4));
  }
  while (sink !== undefined) {
    await send(spool, sink);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

async function send(spool: Spool, sink: number): Promise<void> {
  await using batch = await spool.take('traces', SENDING);
  if (!batch) return;
  const sender = `${process.pid} ${process.hrtime.bigint()}`;
  const lines = batch.records.map(({ payload }) => `${sender} ${payload.toString().split(':', 2).join(':')}\n`);
  writeSync(sink, lines.join(''));
  batch.acknowledge(batch.records.length);
}

await main(JSON.parse(process.argv[2] ?? '{}') as CrashChildOptions);
