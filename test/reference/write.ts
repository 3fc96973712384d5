/** Writes the generated pages of the reference, and what the chart brings of the documentation: `npm run reference -w test`. */
import { copyFile, writeFile } from 'node:fs/promises';
import { auditActionsAsData } from './audit-actions.ts';
import { commandPage } from './command.ts';
import { httpApiPage } from './http-api.ts';
import { metricsPage } from './metrics.ts';
import { refusalsAsData, refusalsPage } from './refusals.ts';
import { settingsPage } from './settings.ts';

const write = (name: string, page: string) =>
  writeFile(new URL(`../../../docs/reference/${name}.md`, import.meta.url), page);

await write('refusals', refusalsPage());
const forConsole = (name: string, data: string) =>
  writeFile(new URL(`../../../packages/console/src/${name}.json`, import.meta.url), data);

await forConsole('reasons/reasons', refusalsAsData());
await forConsole('audit/actions', auditActionsAsData());
await write('metrics', await metricsPage());
await write('settings', settingsPage());
await write('command', await commandPage());
await write('http-api', httpApiPage());

// Helm takes no file from outside a chart.
for (const name of ['alerts.yaml', 'grafana-dashboard.json']) {
  await copyFile(
    new URL(`../../../docs/operations/${name}`, import.meta.url),
    new URL(`../../../packages/deploy/helm/spanpass/files/${name}`, import.meta.url),
  );
}
