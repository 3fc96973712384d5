import { writeFileSync } from 'node:fs';
import { afterAll, it } from 'vitest';
import { describeWithEngine } from '../../engines/describe.ts';
import { startProcess } from '../process.ts';
import { Stage } from '../stage.ts';

await describeWithEngine([], 'a suite that never ends', () => {
  const stage = new Stage();
  afterAll(() => stage.dispose());

  it('has a process running', { timeout: 60_000 }, async () => {
    const args = ['-e', 'setInterval(() => {}, 1000)'];
    const { pid } = await startProcess(stage, { name: 'it', command: process.execPath, args, ready: () => true });
    writeFileSync(process.env.SPANPASS_SELF_TEST_PID_FILE ?? '/dev/null', String(pid));
    await new Promise(() => {});
  });
});
