import { Spool } from '../spool/spool.ts';
import { RecordingLog } from './scratch.ts';

/** Appends until something is refused, and a little longer, and says what happened: for a process under a file size limit. */
async function main({ folder }: { folder: string }): Promise<void> {
  process.stdout.write('ready\n');
  const log = new RecordingLog();
  const spool = new Spool({ folder, log });
  const results: string[] = [];
  for (let i = 0; i < 500; i++) {
    const result = spool.append('traces', Buffer.alloc(1_000, i));
    results.push(result.kind === 'stored' ? 'stored' : result.reason);
  }
  const { dropped } = spool.stats();
  await spool.close();
  process.stdout.write(`${JSON.stringify({ results, dropped, logged: log.lines.length })}\n`);
}

await main(JSON.parse(process.argv[2] ?? '{}') as { folder: string });
