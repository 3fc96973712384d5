import { Server as GrpcServer, type Metadata, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { authInterceptor, IDENTITY_HEADERS, type Server } from '@spanpass/server';
import { bytesMethod, messageInTime, send } from './grpc-method.ts';
import type { Pipeline } from './pipeline.ts';
import { OTLP_SIGNALS, type SignalOnTheWire } from './signals.ts';
import type { Identity } from './stamp.ts';

export interface OtlpGrpcOptions {
  readonly server: Server;
  readonly pipeline: Pipeline;
  readonly maxBodyBytes: number;
  readonly timeoutMs: number;
  readonly maxConcurrent: number;
}

type ExportCall = ServerUnaryCall<Buffer, Buffer>;

/** OTLP/gRPC on grpc-js, not listening yet. Who sends is checked before the message is read. */
export function createOtlpGrpcServer(options: OtlpGrpcOptions): GrpcServer {
  const server = new GrpcServer({
    interceptors: [messageInTime(options.timeoutMs), authInterceptor(options.server)],
    'grpc.max_receive_message_length': options.maxBodyBytes,
    'grpc.max_concurrent_streams': options.maxConcurrent,
    'grpc.max_connection_idle_ms': 600_000,
  });
  for (const signal of OTLP_SIGNALS) {
    server.addService({ Export: bytesMethod(signal.grpcPath) }, { Export: exporter(options, signal) });
  }
  return server;
}

function exporter({ pipeline }: OtlpGrpcOptions, { name }: SignalOnTheWire) {
  return async (call: ExportCall, callback: sendUnaryData<Buffer>) => {
    const identity = identityOf(call.metadata);
    if (!identity) {
      callback({ code: status.INTERNAL, details: 'the call was not checked' });
      return;
    }
    send(await pipeline({ signal: name, encoding: 'protobuf', body: call.request, identity }), callback);
  };
}

/** What the interceptor stamped in the place of whatever the caller had sent. */
function identityOf(metadata: Metadata): Identity | undefined {
  const [project, ...moreProjects] = metadata.get(IDENTITY_HEADERS.project);
  const [piped, ...morePipeds] = metadata.get(IDENTITY_HEADERS.piped);
  if (typeof project !== 'string' || typeof piped !== 'string') return undefined;
  return moreProjects.length + morePipeds.length === 0 ? { project, piped } : undefined;
}
