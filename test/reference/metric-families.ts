import { createControlPlaneMetrics } from '@spanpass/control-plane';
import { REFUSALS } from '@spanpass/server';
import { metricsAtRest } from '@spanpass/server/testing';
import { DROP_REASONS, SIGNAL_KINDS } from '@spanpass/tracing/durable';
import { createSidecarMetrics } from 'spanpass';

/** A metric as its registry has it. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labels: readonly string[];
}

export interface Server {
  readonly title: string;
  readonly where: string;
  readonly families: readonly Family[];
}

/** What the registries keep besides of what they say. */
interface Registered {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
  readonly type?: string;
  get(): Promise<{ readonly type: string }>;
}

/** Of a sidecar that nothing has come to yet. */
function sidecarAtRest() {
  const none = { records: 0, items: 0, bytes: 0 };
  const spool = {
    appended: none,
    dropped: {},
    pending: none,
    oldestAgeMs: 0,
    diskBytes: 0,
    fsyncs: 0,
    fsyncFailures: 0,
  };
  const sender = { sent: none, requests: 0, failures: 0, rejectedByReceiver: 0, deadLetters: 0 };
  return createSidecarMetrics({ pending: () => none, stats: () => spool }, { stats: () => sender });
}

/** All metrics of the servers, as registered, but for those of the Node.js process. */
export async function servers(): Promise<readonly Server[]> {
  const controlPlane = createControlPlaneMetrics({ followers: () => 0, revision: () => 0, databaseUp: () => true });
  return [
    {
      title: 'Auth server',
      where: '`/metrics` on port 9464, unless the settings say otherwise.',
      families: await familiesOf(metricsAtRest().getMetricsAsArray() as unknown as Registered[]),
    },
    {
      title: 'Control plane',
      where: '`/metrics` on its own port, 9085.',
      families: await familiesOf(controlPlane.registry.getMetricsAsArray() as unknown as Registered[]),
    },
    {
      title: 'Sidecar',
      where: '`/metrics` of `spanpass forward`, on its port for OTLP/HTTP, 4320. Counts are since its start.',
      families: await familiesOf(sidecarAtRest().registry.getMetricsAsArray() as unknown as Registered[]),
    },
  ];
}

async function familiesOf(registered: readonly Registered[]): Promise<Family[]> {
  const families = await Promise.all(
    registered.map(async metric => ({
      name: metric.name,
      help: metric.help,
      labels: metric.labelNames ?? [],
      type: (await metric.get()).type,
    })),
  );
  return families.filter(({ name }) => name.startsWith('spanpass_')).sort((a, b) => (a.name < b.name ? -1 : 1));
}

type Values = readonly string[] | 'configured' | 'routes' | 'http status' | 'grpc status' | 'workers';

/** What labels can say. `configured`: names out of the settings; `routes`: paths of the control plane's own API. */
export const LABEL_VALUES: Readonly<Record<string, Values>> = {
  'spanpass_check_decisions_total.outcome': ['allowed', 'unauthenticated', 'denied', 'unavailable'],
  'spanpass_check_decisions_total.reason': ['', ...Object.keys(REFUSALS)],
  'spanpass_check_decisions_total.protocol': ['ext_authz_grpc', 'ext_authz_http', 'grpc', 'http'],
  'spanpass_check_decisions_total.authenticator': 'configured',
  'spanpass_decision_cache_requests_total.result': ['hit', 'miss'],
  'spanpass_key_lookups_total.result': ['found', 'unknown', 'failed', 'throttled', 'overloaded'],
  'spanpass_key_lookups_pending.state': ['running', 'waiting'],
  'spanpass_signature_verifications_total.authenticator': 'configured',
  'spanpass_signature_verifications_total.result': ['valid', 'invalid'],
  'spanpass_authenticator_queue_depth.authenticator': 'configured',
  'spanpass_authenticator_queue_depth.state': ['running', 'waiting'],
  'spanpass_shadow_decisions_total.rule': 'configured',
  'spanpass_shadow_decisions_total.agreement': [
    'agree',
    'would_allow',
    'would_refuse',
    'other_reason',
    'other_identity',
    'undecided',
    'dropped',
  ],
  'spanpass_config_reloads_total.part': ['settings', 'tls', 'metrics_tls'],
  'spanpass_config_reloads_total.result': ['applied', 'refused'],
  'spanpass_tls_certificate_expiry_timestamp_seconds.listener': ['checks', 'metrics'],
  'spanpass_worker_up.worker': 'workers',
  'spanpass_worker_restarts_total.worker': 'workers',
  'spanpass_worker_checks_total.worker': 'workers',
  'spanpass_worker_cpu_seconds_total.worker': 'workers',
  'spanpass_worker_resident_memory_bytes.worker': 'workers',
  'spanpass_control_plane_requests_total.method': ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'other'],
  'spanpass_control_plane_requests_total.route': 'routes',
  'spanpass_control_plane_requests_total.status': 'http status',
  'spanpass_control_plane_request_seconds.method': [
    'GET',
    'HEAD',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'OPTIONS',
    'other',
  ],
  'spanpass_control_plane_request_seconds.route': 'routes',
  'spanpass_control_plane_usage_reported_total.result': ['taken', 'dropped'],
  'spanpass_forward_requests_total.protocol': ['grpc', 'http'],
  'spanpass_forward_requests_total.signal': SIGNAL_KINDS,
  'spanpass_forward_requests_total.code': 'grpc status',
  'spanpass_forward_items_pending.signal': SIGNAL_KINDS,
  'spanpass_forward_items_dropped_total.reason': Object.keys(DROP_REASONS),
};
