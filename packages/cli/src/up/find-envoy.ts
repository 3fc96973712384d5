import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { wrongUsage } from '../failure.ts';

/**
 * The Envoy to run: `SPANPASS_ENVOY` (a path, or `none` for the built-in receiver alone), else the first on the `PATH`,
 * else the newest in the engines cache.
 *
 * @throws Failure when `SPANPASS_ENVOY` names nothing that can be run
 */
export async function findEnvoy(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const named = env.SPANPASS_ENVOY;
  if (named === 'none') return undefined;
  if (named) {
    if (await executable(named)) return named;
    throw wrongUsage(`SPANPASS_ENVOY: '${named}' is not an executable file; name one, or 'none' to run without Envoy`);
  }
  for (const path of [...onPath(env), ...(await inCache(env))]) {
    if (await executable(path)) return path;
  }
  return undefined;
}

function onPath(env: NodeJS.ProcessEnv): string[] {
  return (env.PATH ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map(directory => join(directory, 'envoy'));
}

async function inCache(env: NodeJS.ProcessEnv): Promise<string[]> {
  const cache = join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'spanpass-engines', 'envoy');
  const versions = await readdir(cache).catch(() => []);
  const newestFirst = versions.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  return newestFirst.map(version => join(cache, version, 'envoy'));
}

async function executable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
