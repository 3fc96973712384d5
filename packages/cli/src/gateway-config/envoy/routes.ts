import { signals } from '../signals.ts';
import { clientHeaders } from './client.ts';
import type { EnvoySettings } from './options.ts';
import { duration, typed } from './proto.ts';

/** Spread over the whole export's time; a small number of tries runs out early under jitter. */
const manyTries = { num_retries: 60, retry_back_off: { base_interval: '0.1s', max_interval: '0.8s' } };

export function grpcRoutes(settings: EnvoySettings) {
  return routes('otlp_grpc', settings, path => ({
    match: { path: path.grpcPath },
    route: {
      cluster: 'upstream_grpc',
      timeout: duration(settings.clusterTimeouts.exportMs),
      retry_policy: { retry_on: 'connect-failure,refused-stream,unavailable', ...manyTries },
    },
  }));
}

export function httpRoutes(settings: EnvoySettings) {
  return routes('otlp_http', settings, path => ({
    match: { path: path.httpPath, headers: [{ name: ':method', string_match: { exact: 'POST' } }] },
    route: {
      cluster: 'upstream_http',
      timeout: duration(settings.clusterTimeouts.exportMs),
      retry_policy: {
        retry_on: 'connect-failure,refused-stream,reset-before-request,retriable-status-codes',
        retriable_status_codes: [502, 503, 504],
        ...manyTries,
      },
    },
  }));
}

type Signal = (typeof signals)[number];

/** Exact paths only; all else is neither checked nor forwarded. */
function routes<Route>(name: string, settings: EnvoySettings, routeOf: (signal: Signal) => Route) {
  return {
    name,
    virtual_hosts: [
      {
        name: 'otlp',
        domains: ['*'],
        request_headers_to_add: [
          {
            header: { key: settings.gatewayHeader, value: `Bearer %ENVIRONMENT(${settings.gatewayTokenEnv})%` },
            append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
          },
        ],
        // The auth server has it removed too; a pass has no business behind the gateway whoever forgets.
        request_headers_to_remove: ['authorization', ...clientHeaders(settings)],
        routes: [...signals.map(routeOf), notFound(settings)],
      },
    ],
  };
}

/** Without this route the second door would take the request for one that the auth server let in without an identity. */
function notFound({ auth }: EnvoySettings) {
  return {
    match: { prefix: '/' },
    direct_response: { status: 404, body: { inline_string: 'no telemetry is taken on this path' } },
    typed_per_filter_config: {
      ...(auth.mode === 'jwt'
        ? {
            'envoy.filters.http.jwt_authn': typed('envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig', {
              disabled: true,
            }),
          }
        : {
            'envoy.filters.http.ext_authz': typed('envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute', {
              disabled: true,
            }),
          }),
      // Without rules it lets everything on, here to the answer above.
      'envoy.filters.http.rbac': typed('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', {}),
    },
  };
}
