import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { cached } from './cache.ts';
import { kindsOfCrd, kindsOfSwagger, type Schema } from './kubernetes-kinds.ts';
import { engineVersions } from './names.ts';
import { progress, run } from './run.ts';

const version = engineVersions['kubernetes-schemas'];

/** Whose custom resources the chart makes, and where their modules keep the definitions. */
const crds = [
  {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    files: ['servicemonitors', 'prometheusrules'].map(
      kind => `example/prometheus-operator-crd/monitoring.coreos.com_${kind}.yaml`,
    ),
  },
  {
    module: 'github.com/cert-manager/cert-manager@v1.21.2',
    files: ['deploy/crds/cert-manager.io_certificates.yaml'],
  },
];

/**
 * A folder with a JSON schema per kind, named as kubeconform looks for them, from the OpenAPI document in Kubernetes' own Go module and
 * the custom resource definitions in those of their operators. The path is that of a file in it that lists the kinds.
 */
export function installKubernetesSchemas(): Promise<string> {
  return cached({
    name: 'kubernetes-schemas',
    version,
    executable: 'kinds.txt',
    async build(outDir) {
      progress(`downloading Kubernetes ${version} for its schemas (36 MB) …`);
      const kubernetes = await moduleFolder(`k8s.io/kubernetes@v${version}`);
      const swagger = JSON.parse(await readFile(join(kubernetes, 'api', 'openapi-spec', 'swagger.json'), 'utf8'));
      const kinds = new Map<string, Schema>(kindsOfSwagger(swagger));
      for (const { module, files } of crds) {
        const folder = await moduleFolder(module);
        for (const file of files) {
          for (const [name, schema] of kindsOfCrd(parse(await readFile(join(folder, file), 'utf8')))) {
            kinds.set(name, schema);
          }
        }
      }
      await mkdir(outDir, { recursive: true });
      for (const [name, schema] of kinds) await writeFile(join(outDir, `${name}.json`), JSON.stringify(schema));
      await writeFile(join(outDir, 'kinds.txt'), `${[...kinds.keys()].sort().join('\n')}\n`);
    },
  });
}

/** Downloads the module, and says where it lies. */
async function moduleFolder(module: string): Promise<string> {
  const answer = JSON.parse(await run('go', ['mod', 'download', '-json', module], { env: { GOFLAGS: '-mod=mod' } }));
  return String(answer.Dir);
}
