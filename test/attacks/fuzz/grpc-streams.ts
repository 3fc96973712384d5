import { type ClientHttp2Session, connect } from 'node:http2';

/** What came back on one stream: the status of the call, and the message. */
export interface StreamAnswer {
  readonly grpcStatus: string;
  readonly message: Buffer;
}

const HEADERS = {
  ':method': 'POST',
  ':path': '/envoy.service.auth.v3.Authorization/Check',
  'content-type': 'application/grpc',
  te: 'trailers',
};

/** A gRPC client that sends any bytes as a message, on a few HTTP/2 connections that it opens anew when they are lost. */
export class GrpcStreams implements Disposable {
  readonly #url: string;
  readonly #sessions: ClientHttp2Session[] = [];
  #turn = 0;

  constructor(address: string) {
    this.#url = `http://${address}`;
  }

  /** @param framed whether `bytes` begin with gRPC's own five bytes already */
  send(bytes: Buffer, framed = false): Promise<StreamAnswer> {
    const stream = this.#session().request(HEADERS);
    return new Promise(resolve => {
      let grpcStatus = '';
      const chunks: Buffer[] = [];
      const read = (headers: Readonly<Record<string, unknown>>) => {
        if (headers['grpc-status'] !== undefined) grpcStatus = String(headers['grpc-status']);
      };
      stream.on('response', read);
      stream.on('trailers', read);
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      // A stream that is reset, or a connection that is lost, is an answer too: nobody was let in.
      stream.on('error', () => {});
      stream.on('close', () => resolve({ grpcStatus, message: Buffer.concat(chunks).subarray(5) }));
      stream.end(framed ? bytes : frame(bytes));
    });
  }

  #session(): ClientHttp2Session {
    const place = this.#turn++ % 4;
    const open = this.#sessions[place];
    if (open !== undefined && !open.closed && !open.destroyed) return open;
    const session = connect(this.#url);
    session.on('error', () => {});
    this.#sessions[place] = session;
    return session;
  }

  [Symbol.dispose](): void {
    for (const session of this.#sessions) session.destroy();
  }
}

export function frame(message: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

/** Runs so many tasks, so many of them at a time. */
export async function inParallel(total: number, atATime: number, task: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < total) await task(next++);
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}
