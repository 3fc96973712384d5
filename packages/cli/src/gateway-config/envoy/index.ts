import { parseOptions } from '../parse.ts';
import { toYaml } from '../yaml.ts';
import { clusters } from './clusters.ts';
import { listeners } from './listeners.ts';
import { type EnvoyOptions, type EnvoySettings, envoyOptions } from './options.ts';
import { extension } from './proto.ts';

/**
 * A complete Envoy configuration (YAML; tried with 1.40) for the gateway: OTLP in, each request checked by the auth server, then on
 * to the Collector or the built-in receiver with the identity and the gateway's token attached.
 *
 * @example
 * ```ts
 * await writeFile('envoy.yaml', envoyConfig({ auth: { mode: 'grpc', endpoints: ['10.0.0.5:9086', '10.0.0.6:9086'] } }));
 * ```
 * @throws {TypeError} for options that make no sense, naming them
 */
export function envoyConfig(options: EnvoyOptions = {}): string {
  const settings = parseOptions('envoyConfig', envoyOptions, options);
  return toYaml(
    [
      'spanpass gateway: Envoy checks each OTLP request with the auth server before it passes.',
      `Start: ${settings.gatewayTokenEnv}=… envoy -c envoy.yaml`,
    ],
    {
      ...(settings.adminPort === undefined ? {} : { admin: admin(settings.adminPort) }),
      overload_manager: { resource_monitors: [connectionLimit(settings)] },
      static_resources: { listeners: listeners(settings), clusters: clusters(settings) },
    },
  );
}

function admin(port: number) {
  return { address: { socket_address: { address: '127.0.0.1', port_value: port } } };
}

function connectionLimit({ maxConnections }: EnvoySettings) {
  return extension(
    'envoy.resource_monitors.global_downstream_max_connections',
    'envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
    { max_active_downstream_connections: maxConnections },
  );
}
