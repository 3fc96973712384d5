import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants } from 'node:http2';

const { HTTP2_HEADER_CONTENT_TYPE, HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH, HTTP2_HEADER_TE } = constants;

/** What came back of a gRPC call: the message without its frame, if there was one, and the status. */
export interface CallResult {
  readonly httpStatus: number;
  readonly grpcStatus: number;
  readonly body: Buffer;
}

export async function openSession(port: number): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`);
  await once(session, 'connect');
  return session;
}

/** One request with a body that is a framed gRPC message already. */
export function call(
  session: ClientHttp2Session,
  path: string,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<CallResult> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      [HTTP2_HEADER_METHOD]: 'POST',
      [HTTP2_HEADER_PATH]: path,
      [HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [HTTP2_HEADER_TE]: 'trailers',
      ...headers,
    });
    const chunks: Buffer[] = [];
    let httpStatus = 0;
    let grpcStatus = 0;
    stream.on('response', response => {
      httpStatus = response[':status'] ?? 0;
      grpcStatus = Number(response['grpc-status'] ?? 0);
    });
    stream.on('trailers', trailers => {
      grpcStatus = Number(trailers['grpc-status'] ?? grpcStatus);
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => resolve({ httpStatus, grpcStatus, body: Buffer.concat(chunks) }));
    stream.on('error', reject);
    stream.end(body);
  });
}

/** The code in the status of a framed CheckResponse (0: allowed), and nothing else of it. */
export function checkStatus({ grpcStatus, body }: CallResult): number {
  if (grpcStatus !== 0) return grpcStatus;
  // Field 1, a message; in it field 1, a varint, which is left out when it is 0.
  const inner = body[5] === 0x0a ? body.subarray(7, 7 + (body[6] ?? 0)) : undefined;
  if (inner === undefined) return Number.NaN;
  return inner[0] === 0x08 ? (inner[1] ?? Number.NaN) : 0;
}
