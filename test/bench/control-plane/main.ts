/**
 * `npm run bench:control-plane [-- --quick] [--database postgres|embedded] [--cpu-prof FOLDER] [--out FILE]`: measures a
 * control plane with many pipeds, prints the table, and writes the figures as JSON.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { testRoot } from '../../engines/root.ts';
import { SCALE_PROFILES } from './profile.ts';
import { type DatabaseName, runScale } from './run.ts';
import { scaleTable } from './table.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
    database: { type: 'string', multiple: true, default: ['postgres', 'embedded'] },
    'cpu-prof': { type: 'string' },
    out: { type: 'string', default: join(testRoot, 'bench', 'results', 'control-plane.json') },
  },
});

/** npm goes to the package's folder first. */
const calledFrom = process.env.INIT_CWD ?? process.cwd();

const out = resolve(calledFrom, values.out);
const results = await runScale({
  profile: SCALE_PROFILES[values.smoke ? 'smoke' : values.quick ? 'quick' : 'full'],
  databases: values.database as DatabaseName[],
  cpuProfileFolder: values['cpu-prof'] && resolve(calledFrom, values['cpu-prof']),
  say: line => process.stderr.write(`bench: ${line}\n`),
});
await mkdir(dirname(out), { recursive: true });
await writeFile(out, `${JSON.stringify(results, undefined, 2)}\n`);
process.stdout.write(`${scaleTable(results)}\n\n${JSON.stringify(results.machine)}\nwritten to ${out}\n`);
