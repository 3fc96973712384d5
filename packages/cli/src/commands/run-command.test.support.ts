import { PassThrough, Readable } from 'node:stream';
import { expect } from 'vitest';
import { run } from '../program.ts';

export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly stdin?: string;
}

/** Runs the command in this process, and what it printed. */
export async function runCommand(args: string[], { env, stdin = '' }: Surroundings): Promise<Result> {
  const output = { stdout: '', stderr: '' };
  const capture = (name: 'stdout' | 'stderr') =>
    new PassThrough().on('data', chunk => {
      output[name] += chunk;
    });
  const code = await run(args, {
    stdin: Readable.from([stdin]),
    stdout: capture('stdout'),
    stderr: capture('stderr'),
    env,
    stop: new AbortController().signal,
  });
  return { code, out: output.stdout, err: output.stderr };
}

/** What it printed, and nothing went wrong. */
export function outputOf({ code, out, err }: Result): string {
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out;
}
