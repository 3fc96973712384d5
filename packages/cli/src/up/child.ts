import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/**
 * Runs `"$@"`, and ends it when the standard input of this script does: on purpose, or because the parent is no more,
 * however it went (SIGKILL too). That needs no privileges and no pid polling, only a shell.
 */
const LEASH = `
exec 3<&0
"$@" 3<&- </dev/null &
child=$!
( cat <&3; kill -TERM "$child"; sleep 3; kill -KILL "$child" ) >/dev/null 2>&1 &
watcher=$!
wait "$child"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
`;

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Gets its output; begun anew. */
  readonly logFile: string;
}

/** A program of another kind that lives at most as long as this process. */
export interface Child extends AsyncDisposable {
  /** Settles when it has ended, with the reason in a few words. */
  readonly ended: Promise<string>;
}

export function startChild({ command, args, env, logFile }: ChildOptions): Child {
  const log = openSync(logFile, 'w', 0o600);
  // In a group of its own, so that Ctrl-C reaches only us, and we stop things in their order.
  const shell = spawn('/bin/sh', ['-c', LEASH, 'spanpass-leash', command, ...args], {
    env,
    detached: true,
    stdio: ['pipe', log, log],
  });
  closeSync(log);
  shell.stdin?.on('error', () => {});
  const ended = endOf(shell, logFile);
  return {
    ended,
    async [Symbol.asyncDispose]() {
      shell.stdin?.destroy();
      await ended;
    },
  };
}

function endOf(shell: ChildProcess, logFile: string): Promise<string> {
  return new Promise(resolve => {
    shell.once('error', error => resolve(error.message));
    shell.once('exit', async (code, signal) => {
      shell.stdin?.destroy();
      killGroup(shell.pid);
      const lastLine = (await readFile(logFile, 'utf8').catch(() => '')).trim().split('\n').at(-1);
      resolve(`${signal ?? `exit ${code}`}${lastLine ? `: ${lastLine}` : ''}`);
    });
  });
}

/** Should the shell alone have been killed, its group is what is left. */
function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is empty: as it should be.
  }
}
