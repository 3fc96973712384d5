/**
 * `npm run bench [-- --quick] [--rows TEXT,…] [--rounds N] [--minutes N] [--cpu-prof FOLDER] [--out FILE]`: measures, prints the tables, and writes
 * the figures as JSON.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { repoRoot } from '../engines/root.ts';
import { PROFILES } from './profile.ts';
import { profileTable, summariseFolder } from './profiles.ts';
import { allRows } from './rows/index.ts';
import { runBench } from './run.ts';
import { allTables } from './table.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
    /** Parts of row ids; a row that holds one of them is run. */
    rows: { type: 'string' },
    rounds: { type: 'string' },
    /** After so many no row is measured once more than it must be. */
    minutes: { type: 'string' },
    'cpu-prof': { type: 'string' },
    out: { type: 'string', default: join(repoRoot, '.reports', 'bench.json') },
  },
});

/** npm goes to the package's folder first. */
const calledFrom = process.env.INIT_CWD ?? process.cwd();

const wanted = values.rows?.split(',');
/** A million of anything takes minutes: `npm run bench:memory -w test` is a run of its own. */
const ofItsOwn = (id: string) => id.startsWith('memory/');
const rows = allRows.filter(({ id }) => (wanted ? wanted.some(part => id.includes(part)) : !ofItsOwn(id)));
if (rows.length === 0) {
  process.stderr.write(`bench: no such row; there are:\n${allRows.map(({ id }) => `  ${id}\n`).join('')}`);
  process.exit(2);
}
const profile = PROFILES[values.smoke ? 'smoke' : values.quick ? 'quick' : 'full'];
const out = resolve(calledFrom, values.out);
await mkdir(dirname(out), { recursive: true });
const cpuProfileFolder = values['cpu-prof'] && resolve(calledFrom, values['cpu-prof']);
if (cpuProfileFolder) await mkdir(cpuProfileFolder, { recursive: true });
const results = await runBench({
  rows,
  profile: values.rounds === undefined ? profile : { ...profile, rounds: Number(values.rounds) },
  cpuProfileFolder,
  maxMs: Number(values.minutes ?? profile.maxMinutes) * 60_000,
  keep: found => writeFile(out, `${JSON.stringify(found, undefined, 2)}\n`),
  say: line => process.stderr.write(`bench: ${line}\n`),
});
process.stdout.write(`${allTables(results)}\n\n${JSON.stringify(results.machine)}\nwritten to ${out}\n`);
if (cpuProfileFolder) {
  const { rows: profiled } = await summariseFolder(cpuProfileFolder);
  for (const [id, summary] of Object.entries(profiled)) process.stdout.write(`\n${id}\n${profileTable(summary)}\n`);
}
