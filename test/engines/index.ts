import { installComposeSpec } from './compose-spec.ts';
import {
  installChromium,
  installH2load,
  installNginx,
  installPostgres,
  installPromtool,
  installSystemdAnalyze,
} from './debian.ts';
import { installEnvoy } from './envoy.ts';
import { installPipedGo, installPipedPython } from './examples.ts';
import { installHelm, installKubeconform } from './go-tool.ts';
import { installJaeger } from './jaeger.ts';
import { installKubernetesSchemas } from './kubernetes-schemas.ts';
import { type Engine, EngineMissing, type EngineName, engineVersions } from './names.ts';
import { installNode } from './node.ts';
import { installOtelGo } from './otel-go.ts';
import { installOtelcol } from './otelcol.ts';
import { installPrevious, previousVersion } from './previous.ts';
import { installHadolint, installOtelPython, installPyjwt } from './python.ts';
import { run } from './run.ts';

export { type Engine, EngineMissing, type EngineName, engineNames } from './names.ts';

interface Recipe {
  install(): Promise<string>;
  version(path: string): Promise<string>;
}

const pinned = (name: EngineName) => async () => engineVersions[name];
const firstNumber = (text: string) => /\d+(\.\d+)+/.exec(text)?.[0] ?? text.trim();

const recipes: Record<EngineName, Recipe> = {
  envoy: { install: installEnvoy, version: pinned('envoy') },
  otelcol: { install: installOtelcol, version: pinned('otelcol') },
  jaeger: { install: installJaeger, version: pinned('jaeger') },
  'otel-go': { install: installOtelGo, version: pinned('otel-go') },
  'otel-python': { install: installOtelPython, version: pinned('otel-python') },
  'piped-go': { install: installPipedGo, version: pinned('piped-go') },
  'piped-python': { install: installPipedPython, version: pinned('piped-python') },
  previous: { install: installPrevious, version: async () => previousVersion().version },
  pyjwt: { install: installPyjwt, version: pinned('pyjwt') },
  helm: { install: installHelm, version: pinned('helm') },
  kubeconform: { install: installKubeconform, version: pinned('kubeconform') },
  'kubernetes-schemas': { install: installKubernetesSchemas, version: pinned('kubernetes-schemas') },
  'compose-spec': { install: installComposeSpec, version: pinned('compose-spec') },
  hadolint: { install: installHadolint, version: pinned('hadolint') },
  'node-20': { install: () => installNode('node-20'), version: pinned('node-20') },
  'node-22': { install: () => installNode('node-22'), version: pinned('node-22') },
  'node-24': { install: () => installNode('node-24'), version: pinned('node-24') },
  postgres: {
    install: installPostgres,
    version: async path => firstNumber(await run(`${path}/postgres`, ['--version'])),
  },
  // nginx prints its version on stderr, so `2>&1` by a shell.
  nginx: { install: installNginx, version: async path => firstNumber(await run('sh', ['-c', '"$0" -v 2>&1', path])) },
  chromium: { install: installChromium, version: async path => firstNumber(await run(path, ['--version'])) },
  promtool: { install: installPromtool, version: async path => firstNumber(await run(path, ['--version'])) },
  'systemd-analyze': {
    install: installSystemdAnalyze,
    version: async path => firstNumber(await run(path, ['--version'])),
  },
  h2load: {
    install: installH2load,
    version: async path => /nghttp2\/(\d+(?:\.\d+)+)/.exec(await run(path, ['--version']))?.[1] ?? 'unknown',
  },
};

const remembered = new Map<EngineName, Promise<Engine>>();

/**
 * Finds an engine, or installs it first (which can take minutes). What came of it, failure too, is remembered for the life of
 * the process, so that a machine without network says so once.
 *
 * @throws {EngineMissing} where it can't be had, with the reason
 */
export function engine(name: EngineName): Promise<Engine> {
  const known = remembered.get(name);
  if (known !== undefined) return known;
  const found = find(name, recipes[name]);
  remembered.set(name, found);
  return found;
}

/** As {@link engine}, with a missing one as a result instead of an exception. */
export async function engineOrMissing(name: EngineName): Promise<Engine | EngineMissing> {
  try {
    return await engine(name);
  } catch (error) {
    if (error instanceof EngineMissing) return error;
    throw error;
  }
}

async function find(name: EngineName, recipe: Recipe): Promise<Engine> {
  // Lets a user, and the suite of the harness itself, see what happens without it.
  const without = (process.env.SPANPASS_WITHOUT_ENGINES ?? '').split(',');
  if (without.includes(name)) throw new EngineMissing(name, 'SPANPASS_WITHOUT_ENGINES names it');
  try {
    const path = await recipe.install();
    return { name, path, version: await recipe.version(path) };
  } catch (error) {
    throw new EngineMissing(name, (error as Error).message);
  }
}
