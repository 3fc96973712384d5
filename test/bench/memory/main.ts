/** `npm run bench:memory -w test [-- --out FILE]`: what an auth server takes for up to a million pipeds, as JSON for the page. */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { testRoot } from '../../engines/root.ts';
import { PROFILES } from '../profile.ts';
import { memoryRows } from '../rows/memory.ts';
import { runBench } from '../run.ts';
import { allTables } from '../table.ts';

const { values } = parseArgs({
  options: { out: { type: 'string', default: join(testRoot, 'bench', 'results', 'memory.json') } },
});
const results = await runBench({
  rows: memoryRows,
  profile: { ...PROFILES.full, rounds: 3 },
  say: line => process.stderr.write(`bench: ${line}\n`),
});
const out = resolve(process.env.INIT_CWD ?? process.cwd(), values.out);
await writeFile(out, `${JSON.stringify(results, undefined, 2)}\n`);
process.stdout.write(`${allTables(results)}\nwritten to ${out}\n`);
