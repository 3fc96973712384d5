// Adds up vitest's JSON reports and prints one line: N passed, N failed, N skipped.
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../.reports/', import.meta.url);
const expected = ['credential', 'client', 'tracing', 'server', 'control-plane', 'cli', 'test'];
const reports = existsSync(folder) ? readdirSync(folder) : [];
const present = new Set(reports.map(name => name.replace(/\.json$/, '')));
const say = line => process.stdout.write(`${line}\n`);
const totals = { passed: 0, failed: 0, skipped: 0 };

for (const name of expected) {
  if (!present.has(name)) {
    say(`no report of ${name}: its tests did not run to the end`);
    totals.failed++;
    continue;
  }
  const report = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'));
  totals.passed += report.numPassedTests;
  totals.skipped += report.numPendingTests + report.numTodoTests;
  // A file that fails outside of its tests counts as one failure.
  const brokenFiles = report.testResults.filter(
    file => file.status === 'failed' && file.assertionResults.every(test => test.status !== 'failed'),
  );
  totals.failed += report.numFailedTests + brokenFiles.length;
  for (const file of report.testResults) {
    for (const test of file.assertionResults) {
      if (test.status === 'failed') say(`failed: ${name}: ${test.fullName}`);
      if (test.status === 'pending' || test.status === 'skipped') say(`skipped: ${name}: ${test.fullName}`);
    }
  }
}
say(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
if (totals.failed > 0) process.exitCode = 1;
