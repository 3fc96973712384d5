import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { withFindings } from './page.ts';
import { committedReports, pagePath } from './reports.ts';

const reports = await committedReports();

it('the page tells what the committed runs found (npm run chaos:page -w test)', async () => {
  const page = await readFile(pagePath, 'utf8');
  expect(withFindings(page, reports)).toBe(page);
});

it.each(reports.map(report => [report.seed, report] as const))(
  'seed %d of the long profile lost nothing',
  (_, report) => {
    expect(report).toMatchObject({ profile: 'long', leftInSpools: 0, unequalDoubles: 0, orphans: 0 });
    for (const part of [report.total, ...report.faults]) {
      expect(part).toMatchObject({ lost: 0, misattributed: 0, arrived: part.made - part.refused });
    }
    const counted = Object.values(report.countedDrops).reduce((sum, items) => sum + items, 0);
    expect(counted).toBe(report.total.refused);
  },
);
