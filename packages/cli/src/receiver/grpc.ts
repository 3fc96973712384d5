import {
  Server as GrpcServer,
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { authInterceptor, IDENTITY_HEADERS, type Server } from '@spanpass/server';
import type { Outcome } from './outcome.ts';
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
    server.addService({ Export: methodOf(signal) }, { Export: exporter(options, signal) });
  }
  return server;
}

/** Bytes in, bytes out: what can't be decoded is ours to refuse, with the status that OTLP asks for. */
function methodOf({ grpcPath }: SignalOnTheWire) {
  const asItIs = (bytes: Buffer) => bytes;
  return {
    path: grpcPath,
    requestStream: false,
    responseStream: false,
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  };
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

function send(outcome: Outcome, callback: sendUnaryData<Buffer>): void {
  if (outcome.kind === 'accepted') {
    callback(null, Buffer.from(outcome.response));
    return;
  }
  const metadata = new Metadata();
  if (outcome.statusDetails) metadata.set('grpc-status-details-bin', outcome.statusDetails);
  callback({ code: outcome.code, details: outcome.message, metadata });
}

/** Ends calls whose message does not come in time; grpc-js itself would wait for as long as the sender likes. */
function messageInTime(timeoutMs: number): ServerInterceptor {
  return (_method, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        const timer = setTimeout(() => {
          call.sendStatus({ code: status.DEADLINE_EXCEEDED, details: 'the message did not come in time' });
        }, timeoutMs);
        next({
          onReceiveMetadata: (metadata, goOn) => goOn(metadata),
          onReceiveMessage: (message, goOn) => goOn(message),
          onReceiveHalfClose(goOn) {
            clearTimeout(timer);
            goOn();
          },
          onCancel: () => clearTimeout(timer),
        });
      },
    });
}
