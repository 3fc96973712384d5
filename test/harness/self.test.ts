import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { repoRoot, testRoot } from '../engines/root.ts';
import { isAlive } from './process.ts';
import { Stage } from './stage.ts';
import { tempDir } from './temp.ts';
import { waitFor } from './wait.ts';

interface Outcome {
  readonly exitCode: number;
  readonly tests: readonly { readonly fullName: string; readonly status: string; readonly failureMessages: string[] }[];
}

/** Runs one of the suites in ./self in a test runner of its own, the way `npm test` would. */
function startSuite(file: string, env: NodeJS.ProcessEnv) {
  const vitest = join(repoRoot, 'node_modules', 'vitest', 'vitest.mjs');
  const args = [vitest, 'run', '--config', 'harness/self/vitest.config.ts', '--reporter=json', `harness/self/${file}`];
  return spawn(process.execPath, args, {
    cwd: testRoot,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function runSuite(file: string, env: NodeJS.ProcessEnv): Promise<Outcome> {
  const child = startSuite(file, env);
  const [stdout] = await Promise.all([text(child.stdout), once(child, 'close')]);
  const report = JSON.parse(stdout.slice(stdout.indexOf('{'))) as {
    testResults: { assertionResults: Outcome['tests'] }[];
  };
  return { exitCode: child.exitCode ?? -1, tests: report.testResults.flatMap(result => result.assertionResults) };
}

describe('the harness itself', () => {
  it('fails when a step fails', async () => {
    const { exitCode, tests } = await runSuite('failing-step.suite.ts', {});
    expect(exitCode).toBe(1);
    expect(tests.map(test => test.status)).toEqual(['passed', 'failed']);
    expect(tests[1]?.failureMessages.join()).toContain('what was wanted');
  });

  it('skips by name when an engine is missing', async () => {
    const { exitCode, tests } = await runSuite('needs-envoy.suite.ts', { SPANPASS_WITHOUT_ENGINES: 'envoy', CI: '' });
    expect(exitCode).toBe(0);
    expect(tests).toHaveLength(1);
    expect(tests[0]?.status).toBe('skipped');
    expect(tests[0]?.fullName).toContain(
      "a suite that needs Envoy (skipped: the engine envoy can't be had: SPANPASS_WITHOUT_ENGINES names it)",
    );
  });

  it('fails in CI when an engine is missing', async () => {
    const { exitCode, tests } = await runSuite('needs-envoy.suite.ts', {
      SPANPASS_WITHOUT_ENGINES: 'envoy',
      CI: 'true',
    });
    expect(exitCode).toBe(1);
    expect(tests.map(test => test.status)).toEqual(['failed']);
    expect(tests[0]?.failureMessages.join()).toContain("the engine envoy can't be had");
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('leaves no process behind when %s ends it', async signal => {
    const stage = new Stage();
    const pidFile = join(await tempDir(stage, 'self'), 'pid');
    const runner = startSuite('hanging.suite.ts', { SPANPASS_SELF_TEST_PID_FILE: pidFile });
    const ended = once(runner, 'close');
    const pid = await waitFor('its process', async () => Number(await readFile(pidFile, 'utf8')));
    expect(isAlive(pid)).toBe(true);
    runner.kill(signal);
    await ended;
    await waitFor('the process to be gone', () => !isAlive(pid));
    await stage.dispose();
  });
});
