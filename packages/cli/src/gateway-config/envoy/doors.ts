import type { EnvoySettings } from './options.ts';
import { duration, extension } from './proto.ts';

/** The characters of a project or piped id; a bound on its length would exceed what Envoy allows a pattern's program. */
const idPattern = '[A-Za-z0-9._-]+';

/** Names of headers hold no character that a regular expression reads otherwise. */
function anyOf(names: readonly string[]): string {
  return names.join('|');
}

/** The first door: asks the auth server. Whatever goes wrong there is "unavailable", since a 403 makes exporters drop data. */
export function askAuthServer(settings: EnvoySettings) {
  const { projectHeader, pipedHeader, clusterTimeouts, tls } = settings;
  return extension('envoy.filters.http.ext_authz', 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz', {
    transport_api_version: 'V3',
    failure_mode_allow: false,
    status_on_error: { code: 'ServiceUnavailable' },
    validate_mutations: true,
    emit_filter_state_stats: true,
    include_peer_certificate: tls?.clientCaFile !== undefined,
    // What the auth server gets to see, beside method, path and peer.
    allowed_headers: {
      patterns: ['authorization', 'content-type', 'user-agent', 'x-request-id'].map(exact => ({ exact })),
    },
    // What it may change: nobody else's headers, and no path.
    decoder_header_mutation_rules: {
      disallow_all: true,
      allow_expression: { regex: anyOf([projectHeader, pipedHeader, 'authorization']) },
      disallow_is_error: true,
    },
    grpc_service: {
      envoy_grpc: { cluster_name: 'auth' },
      timeout: duration(clusterTimeouts.checkMs),
      // Here: a policy inside envoy_grpc is ignored. Many tries, spread thin: `timeout` is what ends them.
      retry_policy: {
        retry_on: 'unavailable,connect-failure,refused-stream,reset',
        num_retries: 60,
        // The maximum bounds each single try too.
        retry_back_off: { base_interval: '0.025s', max_interval: '0.25s' },
        retry_host_predicate: [
          extension(
            'envoy.retry_host_predicates.previous_hosts',
            'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
            {},
          ),
        ],
        host_selection_retry_max_attempts: 3,
      },
    },
  });
}

/** The second door: an empty answer of an auth server is a yes to Envoy, so nothing passes that has no identity stamped on it. */
export function demandIdentity({ projectHeader, pipedHeader }: EnvoySettings) {
  return extension('envoy.filters.http.rbac', 'envoy.extensions.filters.http.rbac.v3.RBAC', {
    rules: {
      action: 'ALLOW',
      policies: {
        identified: {
          permissions: [{ any: true }],
          principals: [
            {
              and_ids: {
                ids: [projectHeader, pipedHeader].map(name => ({
                  header: { name, string_match: { safe_regex: { regex: idPattern } } },
                })),
              },
            },
          ],
        },
      },
    },
  });
}
