import { isIP } from 'node:net';
import { WORKER_PORT_STEP } from '../../worker-ports.ts';
import type { Endpoint } from '../endpoint.ts';
import type { EnvoySettings } from './options.ts';
import { duration, typed } from './proto.ts';
import { authServerTls } from './tls.ts';

export function clusters({ auth, upstream, clusterTimeouts }: EnvoySettings) {
  return [
    {
      ...cluster('auth', authEndpoints(auth), clusterTimeouts.authConnectMs),
      ...(auth.mode === 'grpc' ? http2 : {}),
      ...authServerTls(auth),
      ...(auth.mode === 'jwt' ? {} : watched(auth.mode)),
    },
    {
      ...cluster('upstream_grpc', upstream.grpc, clusterTimeouts.upstreamConnectMs),
      ...http2,
      ...(upstream.grpc.length > 1 ? { outlier_detection: ejectFast } : {}),
    },
    {
      ...cluster('upstream_http', upstream.http, clusterTimeouts.upstreamConnectMs),
      ...(upstream.http.length > 1 ? { outlier_detection: ejectFast } : {}),
    },
  ];
}

function authEndpoints(auth: EnvoySettings['auth']): readonly Endpoint[] {
  if (auth.mode === 'jwt') return auth.endpoints;
  return auth.endpoints.flatMap(({ host, port }) =>
    Array.from({ length: auth.workers }, (_, at) => ({ host, port: port + at * WORKER_PORT_STEP })),
  );
}

/** An auth server that has gone away is noticed before the next check. The control plane is asked for its keys once a minute. */
function watched(mode: 'grpc' | 'http') {
  return {
    health_checks: [
      {
        timeout: '0.25s',
        interval: '0.5s',
        no_traffic_interval: '0.5s',
        unhealthy_interval: '0.25s',
        unhealthy_threshold: 1,
        healthy_threshold: 1,
        ...(mode === 'grpc' ? { grpc_health_check: {} } : { http_health_check: notFoundIsHealthy }),
      },
    ],
    outlier_detection: ejectFast,
  };
}

/** The port of checks over HTTP answers nothing but checks: elsewhere 404, or 503 while it can't decide. */
const notFoundIsHealthy = { path: '/', expected_statuses: [{ start: 404, end: 405 }] };

/** Out for a second after two failures in a row, and never more than half of them. */
const ejectFast = {
  consecutive_5xx: 2,
  interval: '0.25s',
  base_ejection_time: '1s',
  max_ejection_time: '3s',
  max_ejection_percent: 50,
};

/** Keepalive pings find a peer that went away without a word. */
const http2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      {
        explicit_http_config: { http2_protocol_options: { connection_keepalive: { interval: '5s', timeout: '2s' } } },
      },
    ),
  },
};

function cluster(name: string, endpoints: readonly Endpoint[], connectTimeoutMs: number) {
  return {
    name,
    type: endpoints.every(({ host }) => isIP(host) !== 0) ? 'STATIC' : 'STRICT_DNS',
    connect_timeout: duration(connectTimeoutMs),
    // By default news on health wait for a second before the workers hear of them: a second of lost exports.
    common_lb_config: { update_merge_window: '0s' },
    // By default three retries at a time, for all requests together.
    circuit_breakers: { thresholds: [{ max_retries: 4096, max_pending_requests: 8192, max_requests: 8192 }] },
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: endpoints.map(({ host, port }) => ({
            endpoint: { address: { socket_address: { address: host, port_value: port } } },
          })),
        },
      ],
    },
  };
}
