import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProgram, run } from '../program.ts';
import { placesOf } from './tree.ts';

const exec = promisify(execFile);
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spanpass-completion-'));
  for (const shell of ['bash', 'zsh', 'fish']) await writeFile(join(dir, `script.${shell}`), await scriptOf(shell));
});
afterAll(() => rm(dir, { recursive: true }));

function io() {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  return { stdin: Readable.from([]), stdout, stderr, env: {}, stop: new AbortController().signal };
}

async function scriptOf(...args: string[]): Promise<string> {
  const { stdout, ...rest } = io();
  const ended = run(['completion', ...args], { stdout, ...rest }).finally(() => stdout.end());
  const script = await text(stdout);
  expect(await ended).toBe(0);
  return script;
}

/** What bash offers for the last word of a line. */
async function completed(line: string): Promise<string[]> {
  const words = line.split(' ');
  const script = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _spanpass; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await exec('bash', ['-c', script, 'bash', join(dir, 'script.bash'), ...words], { cwd: dir });
  return stdout.split('\n').filter(Boolean);
}

describe('completion in bash', () => {
  it('is a script that bash understands, and binds to the command', async () => {
    await exec('bash', ['-n', join(dir, 'script.bash')]);
    const { stdout } = await exec('bash', [
      '-c',
      'source "$1"; complete -p spanpass',
      'bash',
      join(dir, 'script.bash'),
    ]);
    expect(stdout).toBe('complete -F _spanpass spanpass\n');
  });

  it.each([
    ['spanpass pi', ['piped', 'pipecd']],
    ['spanpass key ', ['list', 'create', 'revoke', '--help']],
    ['spanpass key r', ['revoke']],
    ['spanpass key revoke --f', ['--force']],
    ['spanpass key create --alg E', ['ES256', 'EdDSA']],
    ['spanpass key create --project shop --piped edge-1 --al', ['--alg']],
    ['spanpass admin-token create --role p', ['project-admin']],
    ['spanpass admin-token create --name ', []],
    ['spanpass completion ', ['bash', 'zsh', 'fish', '--json', '--help']],
    ['spanpass server --config script.b', ['script.bash']],
    ['spanpass nonsense-', []],
  ])('%s', async (line, words) => {
    expect(await completed(line)).toEqual(words);
  });

  it('offers every command and every option that there is', { timeout: 120_000 }, async () => {
    for (const { path, commands, options } of placesOf(createProgram(io()))) {
      const words = await completed(['spanpass', ...path.split(' ').filter(Boolean), ''].join(' '));
      expect(words, path).toEqual([...commands, ...options].map(({ name }) => name));
    }
  });
});

/** Those shells are not on every machine; where one is, it must understand its script. */
describe('completion in other shells', () => {
  it.each(['zsh', 'fish'])('%s understands its script', async shell => {
    const script = await scriptOf(shell);
    expect(script).toContain('admin-token');
    const there = await exec(shell, ['--version']).then(
      () => true,
      () => false,
    );
    if (there) await exec(shell, ['-n', join(dir, `script.${shell}`)]);
  });

  it('is there as JSON too, and of no other shell', async () => {
    expect(JSON.parse(await scriptOf('bash', '--json'))).toEqual({ shell: 'bash', script: await scriptOf('bash') });
    const streams = io();
    expect(await run(['completion', 'csh'], streams)).toBe(2);
  });
});
