import { isLoopbackHost } from '@spanpass/credential';
import { z } from 'zod';
import { gatewayDefaults } from './defaults.ts';
import { endpoint, ipAddress, port } from './endpoint.ts';

export const milliseconds = z.int().min(1).max(600_000);
export const endpoints = z.array(endpoint).min(1).max(64).readonly();

/** Where a gateway listens, whatever program it is. */
export const listen = z
  .strictObject({
    address: ipAddress.default(gatewayDefaults.address),
    grpcPort: port.default(gatewayDefaults.otlpGrpcPort),
    httpPort: port.default(gatewayDefaults.otlpHttpPort),
  })
  .prefault({});

/** The Collector's receivers, or the built-in receiver's. */
export const upstream = z
  .strictObject({
    grpc: endpoints.prefault([gatewayDefaults.upstreamGrpcEndpoint]),
    http: endpoints.prefault([gatewayDefaults.upstreamHttpEndpoint]),
  })
  .prefault({});

/** A client's own certificate is no use without its key. */
export const certificateHasKey = [
  ({ certFile, keyFile }: { certFile?: string | undefined; keyFile?: string | undefined }) =>
    (certFile === undefined) === (keyFile === undefined),
  { error: 'certFile and keyFile belong together' },
] as const;

interface Doors {
  readonly listen: z.output<typeof listen>;
  readonly tls?: unknown;
  readonly allowPlaintext: boolean;
}

/** What a gateway must not listen on: clear text beyond loopback, and one port for both protocols. */
export function checkDoors(
  { listen: { address, grpcPort, httpPort }, tls, allowPlaintext }: Doors,
  context: z.RefinementCtx,
): void {
  if (tls === undefined && !allowPlaintext && !isLoopbackHost(address)) {
    const message = `needed to listen on ${address}, or allowPlaintext`;
    context.addIssue({ code: 'custom', path: ['tls'], message });
  }
  if (grpcPort === httpPort) {
    context.addIssue({ code: 'custom', path: ['listen'], message: 'grpcPort and httpPort must differ' });
  }
}
