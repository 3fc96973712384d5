import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { run } from '../engines/run.ts';
import { startPostgres } from '../harness/postgres.ts';
import { Stage } from '../harness/stage.ts';

const room = fileURLToPath(new URL('../../packages/control-plane', import.meta.url));
const report = fileURLToPath(new URL('../../.reports/control-plane-on-postgresql.json', import.meta.url));
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));

interface Report {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
  readonly numPendingTests: number;
}

/** Those that say what they are run on; the others run with the package itself. */
async function onDatabases(): Promise<string[]> {
  const files = (await readdir(join(room, 'src'), { recursive: true })).filter(name => name.endsWith('.test.ts'));
  const texts = await Promise.all(files.map(name => readFile(join(room, 'src', name), 'utf8')));
  return files.filter((_, at) => /\b(DATABASES|SERVED)\b/.test(texts[at] ?? ''));
}

await describeWithEngine(['postgres'], "the control plane's own suites", engines => {
  const stage = new Stage();
  afterAll(() => stage.dispose());

  it('pass on a PostgreSQL server as they do on the embedded database', { timeout: 1_200_000 }, async () => {
    const { url } = await startPostgres(stage, engines.postgres);
    const args = [vitest, 'run', '--dir', 'src', '--reporter=json', `--outputFile=${report}`, ...(await onDatabases())];
    const ended = run(process.execPath, args, { cwd: room, env: { SPANPASS_TEST_DATABASE_URL: url } });
    const failure = await ended.then(() => undefined, String);
    const { numPassedTests, numPendingTests, testResults } = JSON.parse(await readFile(report, 'utf8')) as Report;
    const failed = testResults.flatMap(file => file.assertionResults).filter(({ status }) => status === 'failed');
    expect(failed.map(({ fullName }) => fullName)).toEqual([]);
    expect({ failure, numPendingTests }).toEqual({ failure: undefined, numPendingTests: 0 });
    expect(numPassedTests).toBeGreaterThan(150);
  });
});
