import { readFileSync } from 'node:fs';
import { TRACES } from '../fixture.test.support.ts';
import { CheckRequest, type HeaderValue } from '../generated/ext_authz.ts';

/** What Envoy 1.40 sent for an export of the stock OTLP/gRPC exporter with a made-up credential. */
export const captured = readFileSync(new URL('./fixtures/check-request.envoy-1.40.0.bin', import.meta.url));

/** A self-signed client certificate for `spiffe://example.org/edge-1`, whose key was thrown away. */
export const clientPem = readFileSync(new URL('./fixtures/client.pem', import.meta.url), 'utf8');

export interface RequestParts {
  headers?: Record<string, string>;
  rawHeaders?: HeaderValue[];
  path?: string;
  principal?: string;
  certificate?: string;
}

export function encodeCheckRequest(parts: RequestParts): Buffer {
  const { headers = {}, rawHeaders, path = TRACES, principal = '', certificate = '' } = parts;
  const source = { address: { socketAddress: { address: '192.0.2.7' } }, principal, certificate };
  const headerMap = rawHeaders && { headers: rawHeaders };
  const request = { http: { method: 'POST', headers, path, headerMap } };
  return Buffer.from(CheckRequest.encode({ attributes: { source, request } }).finish());
}

export function rawHeader(key: string, value: string | Buffer): HeaderValue {
  return { key, value: '', rawValue: Buffer.from(value) };
}
