import type { Yaml } from '../yaml.ts';
import { accessLog } from './access-log.ts';
import { forwardCertificate, nameClient } from './client.ts';
import { doors } from './doors.ts';
import { grpcLocalReplies, httpLocalReplies } from './local-replies.ts';
import type { EnvoySettings } from './options.ts';
import { extension } from './proto.ts';
import { grpcRoutes, httpRoutes } from './routes.ts';
import { downstreamTls } from './tls.ts';

const mebibyte = 1024 * 1024;

export function listeners(settings: EnvoySettings) {
  return [
    listener(settings, {
      name: 'otlp_grpc',
      port: settings.listen.grpcPort,
      alpn: ['h2'],
      localReplies: grpcLocalReplies(settings),
      routes: grpcRoutes(settings),
    }),
    listener(settings, {
      name: 'otlp_http',
      port: settings.listen.httpPort,
      alpn: ['h2', 'http/1.1'],
      localReplies: httpLocalReplies(settings),
      routes: httpRoutes(settings),
    }),
  ];
}

interface Door {
  readonly name: string;
  readonly port: number;
  readonly alpn: readonly string[];
  readonly localReplies: Yaml;
  readonly routes: Yaml;
}

function listener(settings: EnvoySettings, door: Door) {
  return {
    name: door.name,
    address: { socket_address: { address: settings.listen.address, port_value: door.port } },
    filter_chains: [
      {
        ...(settings.tls === undefined ? {} : { transport_socket: downstreamTls(settings.tls, door.alpn) }),
        filters: [connectionManager(settings, door)],
      },
    ],
  };
}

function connectionManager(settings: EnvoySettings, door: Door) {
  return extension(
    'envoy.filters.network.http_connection_manager',
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    {
      stat_prefix: door.name,
      codec_type: 'AUTO',
      // What a client says of itself in x-envoy-* is dropped, and x-forwarded-for is appended to.
      use_remote_address: true,
      ...forwardCertificate(settings),
      ...onePathOneMeaning,
      common_http_protocol_options: { headers_with_underscores_action: 'REJECT_REQUEST', idle_timeout: '300s' },
      http2_protocol_options: {
        max_concurrent_streams: 256,
        initial_stream_window_size: mebibyte,
        initial_connection_window_size: 4 * mebibyte,
      },
      request_headers_timeout: '10s',
      request_timeout: '30s',
      stream_idle_timeout: '30s',
      early_header_mutation_extensions: [stripClaims(settings)],
      ...(settings.accessLog ? { access_log: [accessLog(settings)] } : {}),
      local_reply_config: door.localReplies,
      route_config: door.routes,
      http_filters: [...doors(settings), router],
    },
  );
}

/** Auth server, router and upstream must read a path alike: `/v1/../v1/%74races` is one way to make them differ. */
const onePathOneMeaning = {
  normalize_path: true,
  merge_slashes: true,
  path_with_escaped_slashes_action: 'REJECT_REQUEST',
};

/** Before anything looks at the request: no client names its own identity, or passes for the gateway. */
function stripClaims(settings: EnvoySettings) {
  const { projectHeader, pipedHeader, gatewayHeader } = settings;
  return extension(
    'envoy.http.early_header_mutation.header_mutation',
    'envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation',
    {
      mutations: [...[projectHeader, pipedHeader, gatewayHeader].map(remove => ({ remove })), ...nameClient(settings)],
    },
  );
}

const router = extension('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router', {});
