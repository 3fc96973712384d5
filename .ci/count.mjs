// Adds up vitest's JSON reports and prints one line: N passed, N failed, N skipped.
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../.reports/', import.meta.url);
const say = line => process.stdout.write(`${line}\n`);
const expected = ['credential', 'client', 'tracing', 'server', 'control-plane', 'cli', 'test'];
const reports = new Map(
  (existsSync(folder) ? readdirSync(folder) : [])
    .filter(name => name.endsWith('.json'))
    .map(name => [name.slice(0, -'.json'.length), JSON.parse(readFileSync(new URL(name, folder), 'utf8'))])
    // Suites leave measurements there too.
    .filter(([, report]) => Array.isArray(report.testResults)),
);
const totals = { passed: 0, failed: 0, skipped: 0 };

for (const name of expected) {
  if (!reports.get(name)?.numTotalTests) {
    say(`failed: ${name}: no tests were reported: they did not run to the end`);
    totals.failed++;
  }
}
for (const [name, report] of reports) {
  totals.passed += report.numPassedTests;
  totals.skipped += report.numPendingTests + report.numTodoTests;
  totals.failed += report.numFailedTests;
  for (const file of report.testResults) {
    const failed = file.assertionResults.filter(test => test.status === 'failed');
    for (const test of failed) say(`failed: ${name}: ${test.fullName}`);
    if (file.status === 'failed' && failed.length === 0) {
      say(`failed: ${name}: ${file.name}: ${String(file.message).split('\n')[0]}`);
      totals.failed++;
    }
    for (const test of file.assertionResults) {
      if (test.status === 'pending' || test.status === 'skipped') say(`skipped: ${name}: ${test.fullName}`);
    }
  }
}
say(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
if (totals.failed > 0) process.exitCode = 1;
