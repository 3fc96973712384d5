import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { freePortFlags, spanpassCommand } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';

const run = promisify(execFile);

await describeWithEngine(['envoy'], 'spanpass up --demo', engines => {
  const stage = new Stage();
  afterAll(() => stage.dispose());

  it.each([
    ['Envoy', 'in front of the built-in receiver', () => engines.envoy.path],
    ['the built-in receiver alone', '                 the built-in receiver\n', () => 'none'],
  ])('goes as it should with %s', async (_, gateway, envoy) => {
    const cwd = await tempDir(stage, 'demo');
    const env = { PATH: process.env.PATH, HOME: cwd, SPANPASS_ENVOY: envoy() };
    const { stdout } = await run(process.execPath, [spanpassCommand, 'up', '--demo', '--exit', ...freePortFlags], {
      cwd,
      env,
    });
    expect(stdout).toContain(gateway);
    expect(stdout).toContain('All went as it should.');
    for (const refused of ['credential_missing', 'signature_invalid', 'project_mismatch', 'key_revoked']) {
      expect(stdout).toContain(refused);
    }
    for (const line of ['Deploy', 'Plan', 'project-id=demo', 'piped-id=demo-piped']) expect(stdout).toContain(line);
  });
});
