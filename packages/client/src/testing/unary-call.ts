import { type CallOptions, type Client, Metadata, type ServiceError } from '@grpc/grpc-js';
import { exportMethod } from './otlp-grpc-server.ts';

/** Calls the OTLP trace service with an empty request; returns the error, or undefined after success. */
export function unaryCall(
  client: Client,
  options: CallOptions = {},
  metadata = new Metadata(),
): Promise<ServiceError | undefined> {
  const { path, requestSerialize, responseDeserialize } = exportMethod;
  return new Promise(resolve => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, Buffer.alloc(0), metadata, options, error =>
      resolve(error ?? undefined),
    );
  });
}
