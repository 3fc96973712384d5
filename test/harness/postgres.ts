import { readFileSync } from 'node:fs';
import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { Engine } from '../engines/index.ts';
import { run } from '../engines/run.ts';
import { freePorts } from './ports.ts';
import { type RunningProcess, startProcess } from './process.ts';
import type { Stage } from './stage.ts';
import { tempDir } from './temp.ts';

export interface RunningPostgres {
  readonly process: RunningProcess;
  /** `postgres://…` of an empty database, as its owner. */
  readonly url: string;
  /** Starts it again on the same data, after it was stopped. */
  restart(): Promise<RunningProcess>;
  /** SIGKILL for it and all processes that it has started, at once. */
  kill(): Promise<void>;
  /** Freezes or wakes it, and all processes that it has started. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** The one that was started last. */
  hasExited(): boolean;
}

/** A cluster of its own in a temporary folder, on a free port of loopback, gone with the stage. */
export async function startPostgres(
  stage: Stage,
  engine: Engine,
  {
    folder: given,
    settings: more = [],
  }: {
    /** Where its data lie, instead of a temporary folder. */
    readonly folder?: string;
    /** `name=value`, over those that make it fast and forgetful. */
    readonly settings?: readonly string[];
  } = {},
): Promise<RunningPostgres> {
  const folder = given ?? (await tempDir(stage, 'postgres'));
  const user = await unprivilegedUser();
  // PostgreSQL refuses to run as root, and to use a folder of somebody else.
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const initdb = [join(engine.path, 'initdb'), '-D', data, '-U', 'postgres', '--auth=trust', '--no-sync'];
  await run(...asUser(user, [...initdb, '--encoding=UTF8', '--locale=C']), { cwd: folder });

  const { port } = await freePorts('port');
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    `unix_socket_directories=${folder}`,
    'fsync=off',
    ...more,
  ];
  const [command, args] = asUser(user, [
    join(engine.path, 'postgres'),
    '-D',
    data,
    ...settings.flatMap(setting => ['-c', setting]),
  ]);
  let running: RunningProcess;
  const start = async () => {
    running = await startProcess(stage, {
      name: 'postgres',
      command,
      args,
      cwd: folder,
      ready: () => accepts(url),
      // Its "fast" shutdown: SIGTERM would wait until every client has gone.
      stopSignal: 'SIGINT',
    });
    return running;
  };
  const kill = async () => {
    const children = childrenOf(running);
    const stopped = running.stop('SIGKILL');
    for (const pid of children) signalled(pid, 'SIGKILL');
    await stopped;
  };
  const signal = (what: 'SIGSTOP' | 'SIGCONT') => {
    // The one that starts others first, so that none is missed.
    running.signal(what);
    for (const pid of childrenOf(running)) signalled(pid, what);
  };
  return { process: await start(), url, restart: start, kill, signal, hasExited: () => running.hasExited() };
}

function childrenOf({ pid }: RunningProcess): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children.split(' ').filter(Boolean).map(Number);
}

function signalled(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

interface User {
  readonly uid: number;
  readonly gid: number;
}

/** The user that Debian's package made, when this process is root; else we are unprivileged already. */
async function unprivilegedUser(): Promise<User | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
  return { uid: Number(uid), gid: Number(gid) };
}

function asUser(user: User | undefined, [command = '', ...args]: readonly string[]): [string, string[]] {
  if (user === undefined) return [command, args];
  return ['setpriv', [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', command, ...args]];
}

async function accepts(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  // A server that goes away while we look is not an event for anybody.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } finally {
    await client.end().catch(() => {});
  }
}
