import { isLoopbackHost } from './peer.ts';

export interface GrpcEndpoint {
  /** As grpc-js takes it. */
  readonly target: string;
  readonly tls: boolean;
  readonly isLoopback: boolean;
}

/**
 * Reads `https://host:4317`, `http://host:4317`, `unix:///path`; `host:4317` means https. A path is ignored, as the
 * OpenTelemetry specification has it for gRPC.
 *
 * @throws TypeError
 */
export function parseGrpcEndpoint(endpoint: string): GrpcEndpoint {
  if (/^unix:/i.test(endpoint)) return { target: endpoint, tls: false, isLoopback: true };
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(endpoint) ? endpoint : `https://${endpoint}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url?.hostname || !['http:', 'https:'].includes(url.protocol)) {
    throw new TypeError('endpoint must be an http:, https: or unix: URL, or host:port');
  }
  const tls = url.protocol === 'https:';
  const port = url.port || (tls ? '443' : '80');
  return { target: `dns:${url.hostname}:${port}`, tls, isLoopback: isLoopbackHost(url.hostname) };
}
