import { Server as GrpcServer, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import type { SignalKind } from '@spanpass/tracing/durable';
import { signals } from '../gateway-config/signals.ts';
import { bytesMethod, messageInTime, send } from '../receiver/grpc-method.ts';
import { refused } from '../receiver/outcome.ts';
import type { Intake } from './intake.ts';

export interface IntakeLimits {
  readonly maxRequestBytes: number;
  /** For a sender to send one request. */
  readonly timeoutMs: number;
  /** Requests under way: on each gRPC connection, and over all of HTTP. */
  readonly maxConcurrent: number;
}

/** OTLP/gRPC for whoever is on this machine, not listening yet. */
export function createIntakeGrpcServer(intake: Intake, limits: IntakeLimits): GrpcServer {
  const server = new GrpcServer({
    interceptors: [messageInTime(limits.timeoutMs)],
    'grpc.max_receive_message_length': limits.maxRequestBytes,
    'grpc.max_concurrent_streams': limits.maxConcurrent,
    'grpc.max_connection_idle_ms': 600_000,
  });
  for (const { name, grpcPath } of signals) {
    server.addService({ Export: bytesMethod(grpcPath) }, { Export: exporter(intake, name) });
  }
  return server;
}

function exporter(intake: Intake, kind: SignalKind) {
  return async (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
    const failed = () => refused('internal', 'the request could not be handled');
    send(await intake(kind, call.request).catch(failed), callback);
  };
}
