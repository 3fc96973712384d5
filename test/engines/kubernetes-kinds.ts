export type Schema = { readonly [key: string]: unknown };

interface Swagger {
  readonly definitions: Readonly<Record<string, Schema>>;
}

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

const needed = new Set([
  'ConfigMap',
  'CronJob',
  'Deployment',
  'HorizontalPodAutoscaler',
  'Ingress',
  'Job',
  'Namespace',
  'NetworkPolicy',
  'PersistentVolumeClaim',
  'Pod',
  'PodDisruptionBudget',
  'Role',
  'RoleBinding',
  'Secret',
  'Service',
  'ServiceAccount',
  'StatefulSet',
]);

/** The name under which kubeconform is told to look: `deployment-apps-v1`; where there is no group it puts the version for it. */
function fileName({ group, version, kind }: GroupVersionKind): string {
  return `${kind}-${group || version}-${version}`.toLowerCase();
}

/** A schema for each kind of Kubernetes' own, by the name of its file; what no definition knows is refused. */
export function kindsOfSwagger({ definitions }: Swagger): [string, Schema][] {
  const kinds: [string, Schema][] = [];
  for (const [name, definition] of Object.entries(definitions)) {
    for (const gvk of (definition['x-kubernetes-group-version-kind'] ?? []) as GroupVersionKind[]) {
      if (!needed.has(gvk.kind) || name.endsWith('List')) continue;
      kinds.push([fileName(gvk), withDefinitions(name, definitions)]);
    }
  }
  return kinds;
}

export function kindsOfCrd(crd: {
  spec: {
    group: string;
    names: { kind: string };
    versions: { name: string; schema: { openAPIV3Schema: Schema } }[];
  };
}): [string, Schema][] {
  const { group, names, versions } = crd.spec;
  return versions.map(({ name, schema }) => {
    const file = fileName({ group, version: name, kind: names.kind });
    const { properties, ...rest } = strict(schema.openAPIV3Schema) as { properties: Schema };
    return [file, { ...rest, properties: { ...properties, metadata: { type: 'object' } } }];
  });
}

/** The definition with those that it refers to, directly or not, beside it. */
function withDefinitions(name: string, definitions: Swagger['definitions']): Schema {
  const used: Record<string, unknown> = {};
  const queue = [name];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (next in used) continue;
    const definition = definitions[next] ?? {};
    used[next] = strict(definition);
    for (const [, found = ''] of JSON.stringify(definition).matchAll(/"#\/definitions\/([^"]+)"/g)) queue.push(found);
  }
  return { $ref: `#/definitions/${name}`, definitions: used };
}

/** Objects with properties have no others, as the API server's strict field validation has it. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const known = schema as Record<string, unknown>;
  // A number or a text; OpenAPI 2 has no word for that.
  if (known.format === 'int-or-string' || known['x-kubernetes-int-or-string'] === true) return {};
  const copy = Object.fromEntries(
    Object.entries(known)
      // OpenAPI's formats are not JSON Schema's.
      .filter(([key]) => key !== 'format' && !key.startsWith('x-kubernetes'))
      .map(([key, value]) => [key, strict(value)]),
  );
  const open = known['x-kubernetes-preserve-unknown-fields'] === true || 'additionalProperties' in known;
  return 'properties' in known && !open ? { ...copy, additionalProperties: false } : copy;
}
