import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { REFUSALS } from '@spanpass/server';
import { envoyConfig } from 'spanpass';
import { authServerSettings, controlPlaneSettings } from 'spanpass/settings';
import { parse, parseDocument, stringify } from 'yaml';
import type { Engine } from '../engines/index.ts';
import { run } from '../engines/run.ts';
import type { Fence } from './fences.ts';

export type DataEngines = Readonly<Record<'envoy' | 'otelcol', Engine>>;

type Mapping = Record<string, unknown>;

const knownTo = (schema: { readonly shape: object }, value: Mapping) =>
  Object.keys(value).every(key => Object.hasOwn(schema.shape, key));

/** Judges a block of YAML or JSON by whoever would read it. @throws with what is wrong, also where nobody is known who reads it */
export async function checkData({ language, code }: Fence, engines: DataEngines, folder: string): Promise<void> {
  const document = parseDocument(code);
  if (language === 'json') JSON.parse(code);
  if (document.errors.length > 0) throw document.errors[0];
  const value = document.toJS() as Mapping;
  if (typeof value.reason === 'string') {
    if (!(value.reason in REFUSALS)) throw new Error(`there is no reason ${value.reason}`);
    return;
  }
  if (typeof value.receivers === 'object') return collectorTakes(code, engines.otelcol, folder);
  if ('forward_client_cert_details' in value) return envoyTakes(value, engines.envoy, folder);
  const schema = [authServerSettings, controlPlaneSettings].find(each => knownTo(each, value));
  if (schema === undefined) throw new Error(`nobody is known who reads ${Object.keys(value).join(', ')}`);
  schema.parse(value);
}

async function collectorTakes(code: string, { path }: Engine, folder: string): Promise<void> {
  const file = join(folder, 'page-collector.yaml');
  await writeFile(file, code);
  await run(path, ['validate', '--config', file], { env: { GATEWAY_TOKEN: 'token' } });
}

interface HttpConnectionManagers {
  static_resources: {
    listeners: { filter_chains: { filters: { typed_config: Mapping }[] }[] }[];
  };
}

/** Settings of the connection manager, put into a whole configuration. */
async function envoyTakes(settings: Mapping, { path }: Engine, folder: string): Promise<void> {
  const whole = parse(envoyConfig({})) as HttpConnectionManagers;
  for (const listener of whole.static_resources.listeners) {
    for (const chain of listener.filter_chains) {
      for (const { typed_config } of chain.filters) Object.assign(typed_config, settings);
    }
  }
  const file = join(folder, 'page-envoy.yaml');
  await writeFile(file, stringify(whole));
  await envoyValidates(file, { path });
}

export async function envoyValidates(file: string, { path }: Pick<Engine, 'path'>): Promise<void> {
  await run(path, ['--mode', 'validate', '-c', file], { cwd: dirname(file), env: { GATEWAY_TOKEN: 'token' } });
}
