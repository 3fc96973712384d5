import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { engineVersions } from './names.ts';
import { progress, run } from './run.ts';

const postgresHome = '/usr/lib/postgresql';

/** The folder of the newest PostgreSQL's programs, at least version 15; Debian keeps them off the PATH. */
export async function findPostgres(home = postgresHome): Promise<string | undefined> {
  const majors = await readdir(home).catch(() => []);
  const newest = majors
    .map(Number)
    .filter(major => major >= Number(engineVersions.postgres))
    .sort((a, b) => b - a)
    .find(major => existsSync(join(home, String(major), 'bin', 'initdb')));
  return newest === undefined ? undefined : join(home, String(newest), 'bin');
}

export function installPostgres(): Promise<string> {
  return fromDebian('postgresql', () => findPostgres());
}

export function installNginx(): Promise<string> {
  return fromDebian('nginx', async () => onPath('nginx'));
}

export function installChromium(): Promise<string> {
  return fromDebian('chromium', async () => onPath('chromium'));
}

/** HTTP/2's own load generator, which costs less than what it loads. */
export function installH2load(): Promise<string> {
  return fromDebian('nghttp2-client', async () => onPath('h2load'));
}

/** Comes with the whole of Prometheus. */
export function installPromtool(): Promise<string> {
  return fromDebian('prometheus', async () => onPath('promtool'));
}

/** Judges units; nothing of systemd has to run for that. */
export function installSystemdAnalyze(): Promise<string> {
  return fromDebian('systemd', async () => onPath('systemd-analyze'));
}

async function fromDebian(packageName: string, find: () => Promise<string | undefined>): Promise<string> {
  const found = await find();
  if (found !== undefined) return found;
  if (process.getuid?.() !== 0) throw new Error(`not installed, and only root may: apt-get install ${packageName}`);
  progress(`installing ${packageName} with apt-get …`);
  // A package's service must not start by itself: suites start their own, on ports and in folders of their own.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await run('apt-get', ['update', '-qq'], { env });
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', packageName], { env });
  const installed = await find();
  if (installed === undefined)
    throw new Error(`apt-get installed ${packageName}, but its programs are not where they should be`);
  return installed;
}

export function onPath(program: string, path = process.env.PATH ?? ''): string | undefined {
  return [...path.split(delimiter), '/usr/sbin', '/usr/bin']
    .filter(folder => folder !== '')
    .map(folder => join(folder, program))
    .find(file => existsSync(file));
}
