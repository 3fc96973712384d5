import { formatEndpoint } from '../endpoint.ts';
import { parseOptions } from '../parse.ts';
import { toYaml } from '../yaml.ts';
import { exporters, queueStorage } from './exporters.ts';
import { type CollectorOptions, type CollectorSettings, collectorOptions } from './options.ts';
import { stampIdentity } from './stamp.ts';

const gatewayOnly = 'bearertokenauth/gateway';
const identity = 'resource/identity';

/**
 * A complete OpenTelemetry Collector configuration (YAML; tried with 0.165) to stand behind {@link envoyConfig}: it takes only what
 * carries the gateway's token, stamps the resource with the identity found, and keeps telemetry on disk until a backend took it.
 *
 * @example
 * ```ts
 * await writeFile('collector.yaml', collectorConfig({ exportTo: [{ protocol: 'http', endpoint: 'https://tempo.example:4318' }] }));
 * ```
 * @throws {TypeError} for options that make no sense, naming them
 */
export function collectorConfig(options: CollectorOptions = {}): string {
  const settings = parseOptions('collectorConfig', collectorOptions, options);
  const toAll = Object.keys(exporters(settings));
  return toYaml(
    [
      'spanpass: the OpenTelemetry Collector behind the gateway.',
      `Start: ${settings.gatewayTokenEnv}=… otelcol --config collector.yaml`,
      ...(settings.signals.includes('profiles') ? ['       --feature-gates service.profilesSupport'] : []),
    ],
    {
      extensions: extensions(settings),
      receivers: {
        otlp: { protocols: { grpc: receiver(settings.listen.grpc), http: receiver(settings.listen.http) } },
      },
      processors: { memory_limiter: memoryLimiter(settings), [identity]: stampIdentity(settings) },
      exporters: exporters(settings),
      service: {
        extensions: Object.keys(extensions(settings)),
        // Else it listens on a port of its own.
        telemetry: { metrics: { level: 'none' } },
        pipelines: Object.fromEntries(
          settings.signals.map(signal => [
            signal,
            { receivers: ['otlp'], processors: ['memory_limiter', identity], exporters: toAll },
          ]),
        ),
      },
    },
  );
}

function extensions({ gatewayHeader, gatewayTokenEnv, queueDirectory, healthCheck }: CollectorSettings) {
  return {
    // Whoever reaches the receivers around Envoy has no token, and an identity header of its own is worth nothing.
    [gatewayOnly]: { header: gatewayHeader, token: `\${env:${gatewayTokenEnv}}` },
    [queueStorage]: { directory: queueDirectory, create_directory: true, fsync: true },
    ...(healthCheck === undefined ? {} : { health_check: { endpoint: formatEndpoint(healthCheck) } }),
  };
}

/** `include_metadata` hands the identity headers to the processors. */
function receiver(endpoint: CollectorSettings['listen']['grpc']) {
  return { endpoint: formatEndpoint(endpoint), include_metadata: true, auth: { authenticator: gatewayOnly } };
}

function memoryLimiter({ memoryLimitMib }: CollectorSettings) {
  return { check_interval: '1s', limit_mib: memoryLimitMib, spike_limit_mib: Math.floor(memoryLimitMib / 4) };
}
