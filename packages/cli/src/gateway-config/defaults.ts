/** What both generators assume of each other and of the servers, so that their defaults fit together. */
export const gatewayDefaults = {
  address: '127.0.0.1',
  otlpGrpcPort: 4317,
  otlpHttpPort: 4318,
  authGrpcEndpoint: '127.0.0.1:9086',
  authHttpEndpoint: '127.0.0.1:9087',
  /** The control plane, whose keys verify access tokens. */
  controlPlaneEndpoint: '127.0.0.1:9085',
  /** The Collector behind Envoy: beside the standard ports, which Envoy has. */
  upstreamGrpcEndpoint: '127.0.0.1:14317',
  upstreamHttpEndpoint: '127.0.0.1:14318',
  projectHeader: 'x-spanpass-project',
  pipedHeader: 'x-spanpass-piped',
  gatewayHeader: 'x-gateway-auth',
  /** The environment variable with the token by which the Collector knows the gateway; never in a file. */
  gatewayTokenEnv: 'GATEWAY_TOKEN',
} as const;
