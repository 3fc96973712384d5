import { LABEL_VALUES, type Server, servers } from './metric-families.ts';
import { instruments } from './telemetry.ts';

const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const code = (text: string) => `\`${text}\``;

function meaningOf(metric: string, label: string): string {
  const values = LABEL_VALUES[`${metric}.${label}`];
  if (values === 'configured') return 'a name out of the settings';
  if (values === 'workers') return 'from 0 on, one for each worker; only where there are several';
  if (values === 'routes') return 'a route of the API, or `unmatched`';
  if (values === 'http status') return 'an HTTP status';
  if (values === 'grpc status') return 'a gRPC status code, 0 for accepted';
  if (label === 'reason' && values?.includes('')) return 'a [reason](refusals.md), or empty';
  return (values ?? []).map(code).join(', ');
}

function section({ title, where, families }: Server): string[] {
  return [
    `## ${title}`,
    '',
    where,
    '',
    row(['metric', 'type', 'labels', 'what it says']),
    row(['---', '---', '---', '---']),
    ...families.map(({ name, type, labels, help }) =>
      row([
        `<a id="${name}"></a>${code(name)}`,
        type,
        labels.map(label => `${code(label)}: ${meaningOf(name, label)}`).join('<br>'),
        help,
      ]),
    ),
    '',
  ];
}

/** What pipeds can tell a meter of their own. */
async function pipeds(): Promise<string[]> {
  return [
    '## Pipeds',
    '',
    'Through OpenTelemetry, not on a port: `createDeploymentTracing` and `createDurableExport` of `@spanpass/tracing` tell the `meter` that',
    'they are given. Durations count where a deployment or stage ended, with how it did; the spool’s counts are since its start.',
    '',
    row(['metric', 'type', 'unit', 'attributes', 'what it says']),
    row(['---', '---', '---', '---', '---']),
    ...(await instruments()).map(({ name, kind, unit, attributes, description }) =>
      row([
        `<a id="${name}"></a>${code(name)}`,
        kind,
        code(unit),
        attributes.map(code).join('<br>'),
        `${description}.`,
      ]),
    ),
    '',
  ];
}

/** The reference page of all metrics, made from the registries that serve them. */
export async function metricsPage(): Promise<string> {
  return [
    '# Metrics',
    '',
    'In Prometheus’ text format: seconds, bytes and counts, never a thousandth of them. A label’s values are few and known: nothing that a',
    'client sends becomes one. Each server also has those of its Node.js process (`process_…`, `nodejs_…`), the auth server all of them.',
    '[Dashboard and alerts](../operations/README.md) are built on these.',
    '',
    ...(await servers()).flatMap(section),
    ...(await pipeds()),
  ].join('\n');
}
