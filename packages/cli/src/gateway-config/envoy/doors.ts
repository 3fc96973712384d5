import { formatEndpoint } from '../endpoint.ts';
import { demandScope, verifyAccessToken } from './access-tokens.ts';
import { clientHeaders } from './client.ts';
import { identified } from './identity.ts';
import { metadataHeaders } from './metadata.ts';
import type { EnvoySettings } from './options.ts';
import { duration, extension } from './proto.ts';

/** Names of headers hold no character that a regular expression reads otherwise. */
function anyOf(names: readonly string[]): string {
  return names.join('|');
}

/** Both doors, one behind the other. */
export function doors(settings: EnvoySettings) {
  const { auth } = settings;
  return auth.mode === 'jwt'
    ? [verifyAccessToken(settings, auth), demandScope(settings)]
    : [askAuthServer(settings), demandIdentity(settings)];
}

/** The first door: asks the auth server. Whatever goes wrong there is "unavailable", since a 403 makes exporters drop data. */
function askAuthServer(settings: EnvoySettings) {
  const { projectHeader, pipedHeader } = settings;
  return extension('envoy.filters.http.ext_authz', 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz', {
    transport_api_version: 'V3',
    failure_mode_allow: false,
    status_on_error: { code: 'ServiceUnavailable' },
    validate_mutations: true,
    emit_filter_state_stats: true,
    // What it may change: nobody else's headers, and no path.
    decoder_header_mutation_rules: {
      disallow_all: true,
      allow_expression: { regex: anyOf([projectHeader, pipedHeader, 'authorization']) },
      disallow_is_error: true,
    },
    ...(settings.auth.mode === 'grpc' ? overGrpc(settings) : overHttp(settings)),
  });
}

/** What the auth server gets to see of a request's headers. */
const shown = ['authorization', 'content-type', 'user-agent', 'x-request-id'];

function overGrpc({ clusterTimeouts, tls }: EnvoySettings) {
  return {
    include_peer_certificate: tls?.clientCaFile !== undefined,
    // The last: a proxy in front says there who its client is. The auth server believes those that it is told to trust.
    allowed_headers: exactly([...shown, 'x-forwarded-for']),
    grpc_service: {
      envoy_grpc: { cluster_name: 'auth' },
      timeout: duration(clusterTimeouts.checkMs),
      // Here: a policy inside envoy_grpc is ignored.
      retry_policy: retries('unavailable,connect-failure,refused-stream,reset'),
    },
  };
}

/** Method and path go along by themselves. Nothing that the auth server answers reaches anybody unless it is named here. */
function overHttp(settings: EnvoySettings) {
  const { auth, clusterTimeouts, projectHeader, pipedHeader } = settings;
  return {
    allowed_headers: exactly([...shown, ...clientHeaders(settings)]),
    http_service: {
      server_uri: {
        uri: `${auth.tls === undefined ? 'http' : 'https'}://${auth.endpoints.map(formatEndpoint)[0]}`,
        cluster: 'auth',
        timeout: duration(clusterTimeouts.checkMs),
      },
      // It chooses the dialect in which the auth server reads the question.
      path_prefix: '/envoy',
      retry_policy: retries('connect-failure,refused-stream,reset'),
      authorization_response: {
        allowed_upstream_headers: exactly([projectHeader, pipedHeader]),
        allowed_client_headers: exactly(['www-authenticate', 'retry-after']),
        dynamic_metadata_from_headers: exactly(Object.values(metadataHeaders)),
      },
    },
  };
}

function exactly(names: readonly string[]) {
  return { patterns: names.map(exact => ({ exact })) };
}

/** Many tries, spread thin: the check's timeout is what ends them. */
function retries(retryOn: string) {
  return {
    retry_on: retryOn,
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
  };
}

/** The second door: an empty answer of an auth server is a yes to Envoy, so nothing passes that has no identity stamped on it. */
function demandIdentity({ projectHeader, pipedHeader }: EnvoySettings) {
  return extension('envoy.filters.http.rbac', 'envoy.extensions.filters.http.rbac.v3.RBAC', {
    rules: {
      action: 'ALLOW',
      policies: {
        identified: {
          permissions: [{ any: true }],
          principals: [{ and_ids: { ids: identified(projectHeader, pipedHeader) } }],
        },
      },
    },
  });
}
