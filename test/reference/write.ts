/** Writes the generated pages of the reference: `npm run reference -w test`. */
import { writeFile } from 'node:fs/promises';
import { refusalsPage } from './refusals.ts';

await writeFile(new URL('../../../docs/reference/refusals.md', import.meta.url), refusalsPage());
