/** Writes what the committed runs of chaos found into `docs/losing-nothing.md`: `npm run chaos:page -w test`. */
import { readFile, writeFile } from 'node:fs/promises';
import { withFindings } from './page.ts';
import { committedReports, pagePath } from './reports.ts';

await writeFile(pagePath, withFindings(await readFile(pagePath, 'utf8'), await committedReports()));
