import {
  type handleUnaryCall,
  type Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { SIGNAL_KINDS, SIGNALS, type SignalKind } from '../signals.ts';

export interface GrpcRequest {
  readonly kind: SignalKind;
  readonly payload: Buffer;
  readonly metadata: Metadata;
  /** The client's end of the connection. */
  readonly peer: string;
}

/** Answers with a response, refuses with an error, or never answers at all. */
export type GrpcAnswer = Buffer | Partial<ServiceError> | 'hang';

/** A receiver of OTLP/gRPC that takes payloads as they are. */
export class GrpcReceiver implements AsyncDisposable {
  readonly requests: GrpcRequest[] = [];
  readonly port: number;
  answer: (request: GrpcRequest) => GrpcAnswer = () => Buffer.alloc(0);
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async start(credentials = ServerCredentials.createInsecure(), address = '127.0.0.1:0'): Promise<GrpcReceiver> {
    const server = new Server();
    const holder: { receiver?: GrpcReceiver } = {};
    for (const kind of SIGNAL_KINDS) {
      server.addService(serviceFor(kind), {
        Export: ((call, done) => {
          const request = { kind, payload: call.request, metadata: call.metadata, peer: call.getPeer() };
          holder.receiver?.requests.push(request);
          const answer = holder.receiver?.answer(request);
          if (answer === 'hang' || answer === undefined) return;
          if (Buffer.isBuffer(answer)) done(null, answer);
          else done(answer);
        }) satisfies handleUnaryCall<Buffer, Buffer>,
      });
    }
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(address, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
    });
    holder.receiver = new GrpcReceiver(server, port);
    return holder.receiver;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
  }
}

function serviceFor(kind: SignalKind): ServiceDefinition {
  const same = (bytes: Buffer) => bytes;
  return {
    Export: {
      path: SIGNALS[kind].grpcPath,
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  };
}
