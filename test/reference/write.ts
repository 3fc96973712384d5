/** Writes the generated pages of the reference: `npm run reference -w test`. */
import { writeFile } from 'node:fs/promises';
import { metricsPage } from './metrics.ts';
import { refusalsAsData, refusalsPage } from './refusals.ts';
import { settingsPage } from './settings.ts';

const write = (name: string, page: string) =>
  writeFile(new URL(`../../../docs/reference/${name}.md`, import.meta.url), page);

await write('refusals', refusalsPage());
await writeFile(new URL('../../../packages/console/src/reasons/reasons.json', import.meta.url), refusalsAsData());
await write('metrics', await metricsPage());
await write('settings', settingsPage());
