import { message } from '../harness/protobuf.ts';

export const TRACES_PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
export const CHECK_PATH = '/envoy.service.auth.v3.Authorization/Check';

/** The headers of an export by the stock OTLP/gRPC exporter, as they arrive at the gateway. */
const HEADERS = {
  ':authority': 'gateway.example.com',
  ':method': 'POST',
  ':path': TRACES_PATH,
  ':scheme': 'https',
  'content-type': 'application/grpc',
  te: 'trailers',
  'grpc-accept-encoding': 'identity,deflate,gzip',
  'user-agent': 'OTel-OTLP-Exporter-JavaScript/0.223.1 grpc-node-js/1.14.7',
  'x-forwarded-proto': 'https',
  'x-request-id': '2f4d0f8e-7c3f-4a0d-9b53-0c7e0c6a3b11',
};

/** A CheckRequest with all that Envoy 1.40 puts into it, framed for gRPC: what Envoy would send for such an export. */
export function framedCheckRequest(authorization: string): Buffer {
  const headers = Object.entries({ ...HEADERS, authorization });
  const http = message(
    [1, '12628422502016651750'],
    [2, 'POST'],
    ...headers.map(([name, value]) => [3, message([1, name], [2, value])] as const),
    [4, TRACES_PATH],
    [5, 'gateway.example.com'],
    [6, 'https'],
    [10, 'HTTP/2'],
  );
  const time = message([1, 1_790_000_000], [2, 418_337_088]);
  const attributes = message(
    [1, peer('10.1.2.3', 51_234)],
    [2, peer('10.0.0.9', 4317)],
    [4, message([1, time], [2, http])],
  );
  return framed(message([1, attributes]));
}

/** A length-prefixed gRPC message, not compressed. */
export function framed(body: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + body.length);
  frame.writeUInt32BE(body.length, 1);
  frame.set(body, 5);
  return frame;
}

function peer(address: string, port: number): Uint8Array {
  return message([1, message([1, message([2, address], [3, port])])]);
}
