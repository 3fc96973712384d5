import * as grpc from '@grpc/grpc-js';
import { bytesMethod } from './bytes-method.ts';
import type { Stage } from './stage.ts';

const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

/** The backend over gRPC: accepts each export of traces, and keeps its metadata. */
export async function startGrpcSink(
  stage: Stage,
): Promise<{ readonly endpoint: string; readonly received: readonly Record<string, grpc.MetadataValue>[] }> {
  const received: Record<string, grpc.MetadataValue>[] = [];
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
  const method = bytesMethod(path);
  const handler = (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
    received.push(call.metadata.getMap());
    callback(null, Buffer.alloc(0));
  };
  server.addService({ export: method }, { export: handler });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  stage.defer(() => server.forceShutdown());
  return { endpoint: `127.0.0.1:${port}`, received };
}
