import { Metadata, type ServerUnaryCall } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import type { Caller } from '../observer.ts';
import { alwaysAllow } from '../testing/doubles.ts';
import { encodeCheckRequest, rawHeader } from './check-request.test.support.ts';
import { extAuthzService } from './service.ts';

const OF_ENVOY = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const OF_REQUEST = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** The caller that an observer is told of. */
function callerOf(request: Buffer, metadata: Record<string, string> = {}): Caller | undefined {
  let caller: Caller | undefined;
  const { implementation } = extAuthzService(alwaysAllow(), {
    decided: decision => {
      caller = decision.caller;
    },
  });
  const call = { request, metadata: Metadata.fromHttp2Headers(metadata) } as ServerUnaryCall<Buffer, Buffer>;
  (implementation.check as (call: unknown, callback: () => void) => void)(call, () => {});
  return caller;
}

const traceOf = (caller: Caller | undefined) => ['traceparent', 'tracestate'].map(name => caller?.traceHeader(name));

it('the trace of a check is that of the call, where Envoy traces it', () => {
  const request = encodeCheckRequest({ headers: { traceparent: OF_REQUEST, tracestate: 'a=1' } });
  const caller = callerOf(request, { traceparent: OF_ENVOY });
  expect(traceOf(caller)).toEqual([OF_ENVOY, undefined]);
  expect(caller?.method).toBe('envoy.service.auth.v3.Authorization/Check');
});

it('else it is that of the request which is asked about', () => {
  const request = encodeCheckRequest({ headers: { traceparent: OF_REQUEST, tracestate: 'a=1' } });
  expect(traceOf(callerOf(request))).toEqual([OF_REQUEST, 'a=1']);
});

it('it is nobody’s when it was sent twice, or when there is no request to read', () => {
  const twice = encodeCheckRequest({
    rawHeaders: [rawHeader('traceparent', OF_REQUEST), rawHeader('traceparent', OF_ENVOY)],
  });
  expect(traceOf(callerOf(twice))).toEqual([undefined, undefined]);
  expect(traceOf(callerOf(Buffer.from('garbage')))).toEqual([undefined, undefined]);
});
