import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePorts } from '../../harness/ports.ts';
import { answersOk } from '../../harness/wait.ts';
import { type ServerProcess, startProgram } from './server-process.ts';
import type { World } from './world.ts';

/** How a gateway finds out who sends: nobody asks, it verifies by itself, or it asks an ext_authz service. */
export type GatewayAuth =
  | { readonly mode: 'none' }
  | { readonly mode: 'jwt'; readonly jwks: object; readonly issuer: string; readonly remember: boolean }
  /** It verifies access tokens with the keys that their issuer publishes, by these filters. */
  | { readonly mode: 'exchanged'; readonly filters: readonly object[]; readonly issuerPort: number }
  /** `ports`: several servers, in the place of the one. */
  | { readonly mode: 'grpc' | 'http'; readonly port: number; readonly ports?: readonly number[] };

/** Envoy with one worker, unless told otherwise, and an answer of its own behind the check, so that nothing but the check costs. */
export async function envoyGateway(
  world: World,
  name: string,
  auth: GatewayAuth,
  concurrency = 1,
): Promise<ServerProcess> {
  const { port, admin } = await freePorts('port', 'admin');
  const config = join(world.folder, `envoy-${name}.json`);
  await writeFile(config, JSON.stringify(configOf(auth, port, admin)));
  const args = ['-c', config, '--concurrency', String(concurrency), '--disable-hot-restart', '--log-level', 'error'];
  const program = { name: `envoy ${name}`, command: world.envoy.path, args };
  const { pid } = await startProgram(world, program, () => answersOk(`http://127.0.0.1:${admin}/ready`));
  return { pid, port };
}

const filters = 'type.googleapis.com/envoy.extensions.filters';
const http2 = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  },
};

function configOf(auth: GatewayAuth, port: number, admin: number) {
  return {
    admin: { address: socket(admin) },
    static_resources: { listeners: [listener(auth, port)], clusters: clusters(auth) },
  };
}

function listener(auth: GatewayAuth, port: number) {
  const connectionManager = {
    '@type': `${filters}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'bench',
    codec_type: 'HTTP2',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'passed' } } }],
        },
      ],
    },
    http_filters: [
      ...checking(auth),
      { name: 'router', typed_config: { '@type': `${filters}.http.router.v3.Router` } },
    ],
  };
  return {
    name: 'bench',
    address: socket(port),
    filter_chains: [{ filters: [{ name: 'connections', typed_config: connectionManager }] }],
  };
}

function checking(auth: GatewayAuth) {
  if (auth.mode === 'none') return [];
  if (auth.mode === 'exchanged') return auth.filters;
  if (auth.mode === 'jwt') {
    return [jwtAuthn(auth.issuer, { local_jwks: { inline_string: JSON.stringify(auth.jwks) } }, auth.remember)];
  }
  return [
    {
      name: 'ext_authz',
      typed_config: {
        '@type': `${filters}.http.ext_authz.v3.ExtAuthz`,
        transport_api_version: 'V3',
        ...(auth.mode === 'grpc' ? grpcService : httpService(auth.port)),
      },
    },
  ];
}

/** Envoy's own filter with the fewest of its options; `keys` says where those of the issuer are. */
export function jwtAuthn(issuer: string, keys: object, remember: boolean) {
  const provider = {
    issuer,
    audiences: ['spanpass-gateway'],
    ...keys,
    ...(remember && { jwt_cache_config: { jwt_cache_size: 1000 } }),
  };
  return {
    name: 'jwt_authn',
    typed_config: {
      '@type': `${filters}.http.jwt_authn.v3.JwtAuthentication`,
      providers: { piped: provider },
      rules: [{ match: { prefix: '/' }, requires: { provider_name: 'piped' } }],
    },
  };
}

const grpcService = { grpc_service: { envoy_grpc: { cluster_name: 'auth' }, timeout: '5s' } };

function httpService(port: number) {
  return {
    http_service: {
      server_uri: { uri: `http://127.0.0.1:${port}`, cluster: 'auth', timeout: '5s' },
      path_prefix: '/envoy',
      authorization_response: { allowed_upstream_headers: { patterns: [{ prefix: 'x-spanpass-' }] } },
    },
  };
}

function clusters(auth: GatewayAuth) {
  if (auth.mode === 'none' || auth.mode === 'jwt') return [];
  const ports = auth.mode === 'exchanged' ? [auth.issuerPort] : (auth.ports ?? [auth.port]);
  const endpoints = ports.map(port => ({ endpoint: { address: socket(port) } }));
  return [
    {
      name: 'auth',
      type: 'STATIC',
      load_assignment: { cluster_name: 'auth', endpoints: [{ lb_endpoints: endpoints }] },
      ...(auth.mode === 'grpc' && { typed_extension_protocol_options: http2 }),
    },
  ];
}

function socket(port: number) {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
