import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { authServerSettings, controlPlaneSettings } from 'spanpass/settings';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { describeWithEngine } from '../engines/describe.ts';
import { repoRoot } from '../engines/root.ts';
import { run } from '../engines/run.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { exampleValues, type KubernetesObject, objectsOf, podsOf, rendered } from './chart.ts';
import { chartFolder } from './places.ts';
import { variablesOf } from './variables.ts';

await describeWithEngine(['helm', 'kubeconform', 'kubernetes-schemas'], 'the chart', engines => {
  const stage = new Stage();
  let folder: string;
  let values: Record<string, object>;
  let objects: KubernetesObject[];
  beforeAll(async () => {
    folder = await tempDir(stage, 'chart');
    values = (await exampleValues()) as Record<string, object>;
    objects = objectsOf(await rendered(engines.helm.path, folder, values));
  });
  afterAll(() => stage.dispose());

  type Values = Record<string, object>;
  const variants: [string, (values: Values) => Values][] = [
    ['as the documentation has it', same => same],
    [
      'with certificates that others made',
      same => ({
        ...same,
        certManager: { enabled: false },
        controlPlane: { ...same.controlPlane, tls: { existingSecret: 'a' } },
        server: { tls: { existingSecret: 'b' }, snapshotKeys: { existingConfigMap: 'snapshot-keys' } },
        gateway: { ...same.gateway, tls: { existingSecret: 'c' }, clientCa: { existingSecret: 'd' } },
      }),
    ],
    ['with an Envoy of one’s own', same => ({ ...same, gateway: { enabled: false } })],
    [
      'behind what ends TLS',
      same => ({
        ...same,
        gateway: { ...same.gateway, allowPlaintext: true, service: { type: 'ClusterIP' } },
        networkPolicy: { enabled: false },
      }),
    ],
  ];

  it.each(variants)(
    'is taken by helm lint, and by the schemas of Kubernetes and the operators, %s',
    async (_name, change) => {
      const text = await rendered(engines.helm.path, folder, change(values));
      const lint = ['lint', chartFolder, '--strict', '--values', join(folder, 'values.yaml')];
      expect(await run(engines.helm.path, lint)).toContain('0 chart(s) failed');
      expect(await conform(text)).toMatch(/Valid: [1-9]\d*, Invalid: 0, Errors: 0, Skipped: 0/);
    },
  );

  it('is not taken with a field that Kubernetes does not know', async () => {
    const text = await rendered(engines.helm.path, folder, values);
    await expect(conform(text.replace('replicas: 3', 'replica: 3'))).rejects.toThrow(/Invalid: 1/);
  });

  it.each([
    ['controlPlane', 'database', /controlPlane\.database\.existingSecret is needed/],
    ['controlPlane', 'encryptionKey', /controlPlane\.encryptionKey\.existingSecret is needed/],
    ['controlPlane', 'adminToken', /controlPlane\.adminToken\.existingSecret is needed/],
    ['gateway', 'token', /gateway\.token\.existingSecret is needed/],
    ['gateway', 'exportGrpc', /gateway\.exportGrpc or gateway\.exportHttp is needed/],
  ])('says what is missing: %s.%s', async (part, key, message) => {
    const { [key]: _left, ...rest } = values[part] as Record<string, unknown>;
    await expect(rendered(engines.helm.path, folder, { ...values, [part]: rest })).rejects.toThrow(message);
  });

  it('says that certificates are missing', async () => {
    const { certManager: _left, ...rest } = values;
    await expect(rendered(engines.helm.path, folder, rest)).rejects.toThrow(
      /tls\.existingSecret, or certManager\.enabled, is needed/,
    );
  });

  describe('runs pods', () => {
    it('of three kinds, several of each, and never takes down the last', () => {
      const budgets = objects.filter(({ kind }) => kind === 'PodDisruptionBudget');
      const pods = podsOf(objects).map(({ name, replicas }) => ({ name, replicas }));
      expect(pods).toEqual([
        { name: 'edge-spanpass-control-plane', replicas: 2 },
        { name: 'edge-spanpass-server', replicas: 3 },
        { name: 'edge-spanpass-gateway', replicas: 2 },
      ]);
      for (const { labels, replicas } of podsOf(objects)) {
        const own = budgets.filter(({ spec }) => selects(spec.selector.matchLabels, labels));
        expect(own).toHaveLength(1);
        expect(own[0]?.spec.minAvailable).toBeLessThan(replicas);
      }
    });

    it('that are not root, write nowhere but to their volumes, and hold no token of the cluster', () => {
      for (const { pod, containers, initContainers } of podsOf(objects)) {
        expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
        // A service called spanpass would else make a variable SPANPASS_PORT, which is a setting.
        expect(pod).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
        for (const { securityContext, resources } of [...containers, ...initContainers]) {
          expect(securityContext).toEqual({
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          });
          expect(resources).toMatchObject({ requests: { cpu: expect.anything(), memory: expect.anything() } });
          expect(resources.limits).toMatchObject({ memory: expect.anything() });
        }
      }
    });

    it('that are asked how they are, and spread over nodes and zones', () => {
      for (const { pod, containers, labels } of podsOf(objects)) {
        for (const container of containers) {
          expect(container).toMatchObject({
            startupProbe: expect.anything(),
            livenessProbe: expect.anything(),
            readinessProbe: expect.anything(),
          });
        }
        const keys = pod.topologySpreadConstraints.map((one: { topologyKey: string }) => one.topologyKey);
        expect(keys).toEqual(['kubernetes.io/hostname', 'topology.kubernetes.io/zone']);
        for (const { labelSelector } of pod.topologySpreadConstraints) {
          expect(selects(labelSelector.matchLabels, labels)).toBe(true);
        }
      }
    });

    it('whose variables are settings, and whose secrets come from secrets', () => {
      const known = {
        'control-plane': variablesOf(controlPlaneSettings),
        server: variablesOf(authServerSettings),
        envoy: ['GATEWAY_TOKEN'],
        collector: ['GATEWAY_TOKEN'],
      };
      const containers = podsOf(objects).flatMap(({ containers }) => containers);
      expect(containers.map(({ name }) => name)).toEqual(Object.keys(known));
      for (const { name, env = [] } of containers) {
        expect(env.map(one => one.name).filter(one => !known[name as keyof typeof known].includes(one))).toEqual([]);
        const secret = env.filter(one => /TOKEN$|_KEY$|DATABASE_URL/.test(one.name));
        expect(secret.filter(one => one.valueFrom === undefined)).toEqual([]);
        expect(secret.length).toBeGreaterThan(0);
      }
    });

    it('that only those reach who have to', () => {
      const policies = objects.filter(({ kind }) => kind === 'NetworkPolicy');
      for (const { labels } of podsOf(objects)) {
        const [own, ...more] = policies.filter(({ spec }) => selects(spec.podSelector.matchLabels, labels));
        expect(more).toEqual([]);
        expect(own?.spec.policyTypes).toEqual(['Ingress', 'Egress']);
      }
      const [server] = policies.filter(({ metadata }) => metadata.name === 'edge-spanpass-server');
      const [gateway] = podsOf(objects).filter(({ name }) => name === 'edge-spanpass-gateway');
      const [from] = server?.spec.ingress[0].from ?? [];
      expect(selects(from.podSelector.matchLabels, gateway?.labels ?? {})).toBe(true);
    });
  });

  it('has services and monitors that find their pods', () => {
    const pods = podsOf(objects);
    for (const { metadata, spec } of objects.filter(({ kind }) => kind === 'Service')) {
      const [found, ...more] = pods.filter(({ labels }) => selects(spec.selector, labels));
      expect([metadata.name.startsWith(found?.name ?? '?'), more]).toEqual([true, []]);
      const ports = found?.pod.containers.flatMap((one: { ports: { name: string }[] }) =>
        one.ports.map(port => port.name),
      );
      for (const port of spec.ports) expect(ports).toContain(port.targetPort);
    }
    for (const { spec } of objects.filter(({ kind }) => kind === 'ServiceMonitor')) {
      const services = objects.filter(
        ({ kind, metadata }) => kind === 'Service' && selects(spec.selector.matchLabels, metadata.labels),
      );
      expect(services).toHaveLength(1);
      expect(services[0]?.spec.ports.map((one: { name: string }) => one.name)).toContain(spec.endpoints[0].port);
    }
  });

  it('brings the dashboard and the alert rules of the documentation', async () => {
    const operations = join(repoRoot, 'docs', 'operations');
    const rules = objects.find(({ kind }) => kind === 'PrometheusRule');
    expect(rules?.spec).toEqual(parse(await readFile(join(operations, 'alerts.yaml'), 'utf8')));
    const dashboard = objects.find(({ kind, data }) => kind === 'ConfigMap' && data?.['spanpass.json'] !== undefined);
    expect(JSON.parse(dashboard?.data?.['spanpass.json'] ?? '{}')).toEqual(
      JSON.parse(await readFile(join(operations, 'grafana-dashboard.json'), 'utf8')),
    );
  });

  it('has the version of the packages', async () => {
    const { version } = JSON.parse(await readFile(join(repoRoot, 'packages', 'cli', 'package.json'), 'utf8'));
    const chart = parse(await readFile(join(chartFolder, 'Chart.yaml'), 'utf8'));
    expect(chart).toMatchObject({ version, appVersion: version });
  });

  /** Strictly: what no schema knows is refused. */
  async function conform(text: string): Promise<string> {
    const file = join(folder, 'objects.yaml');
    await writeFile(file, text);
    const schemas = join(
      dirname(engines['kubernetes-schemas'].path),
      '{{ .ResourceKind }}-{{ .Group }}-{{ .ResourceAPIVersion }}.json',
    );
    return run(engines.kubeconform.path, ['-strict', '-summary', '-schema-location', schemas, file]);
  }
});

function selects(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}
