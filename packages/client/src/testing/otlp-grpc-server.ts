import { type Metadata, Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import type { Certificate } from './certificates.ts';

export const EXPORT_PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

export interface Received {
  readonly authorization: readonly unknown[];
  /** Address and port of the connection, which tell connections apart. */
  readonly peer: string;
}

export interface OtlpServer {
  readonly port: number;
  readonly received: Received[];
  /** Status to answer with; OK unless set. */
  answer: status;
}

export const exportMethod = {
  path: EXPORT_PATH,
  requestStream: false,
  responseStream: false,
  requestSerialize: (value: Buffer) => value,
  requestDeserialize: (value: Buffer) => value,
  responseSerialize: (value: Buffer) => value,
  responseDeserialize: (value: Buffer) => value,
} as const;

/** A real gRPC server for the OTLP trace service, on a port of its own (or a unix socket), over TLS if it gets a certificate. */
export async function startOtlpServer(
  options: { certificate?: Certificate; address?: string } = {},
): Promise<OtlpServer> {
  const server = new Server();
  const received: Received[] = [];
  const result = { port: 0, received, answer: status.OK };
  server.addService(
    { Export: exportMethod },
    {
      Export(
        call: { metadata: Metadata; getPeer(): string },
        callback: (error: Partial<ServiceError> | null, value?: Buffer) => void,
      ) {
        received.push({ authorization: call.metadata.get('authorization'), peer: call.getPeer() });
        if (result.answer === status.OK) return callback(null, Buffer.alloc(0));
        callback({ code: result.answer, details: 'as told' });
      },
    },
  );
  const { certificate, address = '127.0.0.1:0' } = options;
  const credentials = certificate
    ? ServerCredentials.createSsl(null, [{ private_key: certificate.key, cert_chain: certificate.cert }])
    : ServerCredentials.createInsecure();
  result.port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => (error ? reject(error) : resolve(port)));
  });
  onTestFinished(() => server.forceShutdown());
  return result;
}
