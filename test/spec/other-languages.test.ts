import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { pipedInPython } from '../engines/examples.ts';
import { expectedVerdicts } from './expected.ts';
import { vectorsFolder } from './keys.ts';

const execute = promisify(execFile);

async function verdictsOf(command: string, args: readonly string[]): Promise<unknown> {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
  const { stdout } = await execute(command, [...args, 'vectors', vectorsFolder], { timeout: 30_000, env });
  return JSON.parse(stdout);
}

await describeWithEngine(['piped-go'], 'the piped in Go', engines => {
  it('judges every test vector as the specification does', async () => {
    expect(await verdictsOf(engines['piped-go'].path, [])).toEqual(expectedVerdicts());
  });
});

await describeWithEngine(['piped-python'], 'the piped in Python, over PyJWT', engines => {
  it('judges every test vector as the specification does', async () => {
    expect(await verdictsOf(engines['piped-python'].path, [pipedInPython])).toEqual(expectedVerdicts());
  });
});
