/** `npm run bench:soak [-- --minutes 10] [--per-second 600] [--out FILE]`: writes memory over time as JSON, and ends by itself. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { testRoot } from '../../engines/root.ts';
import { Stage } from '../../harness/stage.ts';
import { soak } from './run.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    'per-second': { type: 'string', default: '600' },
    out: { type: 'string', default: join(testRoot, 'bench', 'results', 'soak.json') },
  },
});
const seconds = Number(values.minutes) * 60;
const stage = new Stage();
try {
  const result = await soak(stage, {
    seconds,
    perSecond: Number(values['per-second']),
    sampleEverySeconds: Math.max(1, seconds / 120),
    warmUpSeconds: seconds * 0.3,
    say: line => process.stderr.write(`soak: ${line}\n`),
  });
  const out = resolve(process.env.INIT_CWD ?? process.cwd(), values.out);
  await mkdir(dirname(out), { recursive: true });
  await writeFile(out, `${JSON.stringify(result, undefined, 2)}\n`);
  const { answers, slopeKibPerMinute, maxRssKib } = result;
  process.stdout.write(
    `${JSON.stringify({ answers, slopeKibPerMinute, maxRssKib }, undefined, 2)}\nwritten to ${out}\n`,
  );
} finally {
  await stage.dispose();
}
