import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { repoRoot } from '../engines/root.ts';
import { run } from '../engines/run.ts';
import { chartFolder } from './places.ts';

/** What of a Kubernetes object these suites look at. */
export interface KubernetesObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  // biome-ignore lint/suspicious/noExplicitAny: each kind has another shape; kubeconform knows them all
  readonly spec: any;
  readonly data?: Readonly<Record<string, string>>;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly securityContext: object;
  readonly resources: { readonly requests: object; readonly limits: object };
  readonly startupProbe?: object;
  readonly livenessProbe?: object;
  readonly readinessProbe?: object;
}

/** The values of the example in the documentation. */
export async function exampleValues(): Promise<Record<string, unknown>> {
  const page = await readFile(join(repoRoot, 'docs', 'deployment', 'helm.md'), 'utf8');
  return parse(/^```yaml[^\n]*\n(# values\.yaml\n.*?)^```$/ms.exec(page)?.[1] ?? '') as Record<string, unknown>;
}

/** `helm template`, as text. */
export async function rendered(helm: string, folder: string, values: object): Promise<string> {
  const file = join(folder, 'values.yaml');
  await writeFile(file, stringify(values));
  return run(helm, ['template', 'edge', chartFolder, '--namespace', 'telemetry', '--values', file]);
}

export function objectsOf(text: string): KubernetesObject[] {
  return parseAllDocuments(text)
    .map(document => document.toJS() as KubernetesObject | null)
    .filter(object => object !== null);
}

/** The pods that an object makes: who it is, what its containers are. */
export function podsOf(objects: readonly KubernetesObject[]) {
  return objects
    .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
    .map(({ metadata, spec }) => ({
      name: metadata.name,
      replicas: spec.replicas as number,
      labels: spec.template.metadata.labels as Readonly<Record<string, string>>,
      // biome-ignore lint/suspicious/noExplicitAny: see above
      pod: spec.template.spec as any,
      containers: spec.template.spec.containers as Container[],
      initContainers: (spec.template.spec.initContainers ?? []) as Container[],
    }));
}
