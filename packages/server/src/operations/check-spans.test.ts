import { type Span, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { describe, expect, it, vi } from 'vitest';
import { type Caller, ObservedCheck } from '../observer.ts';
import { AuthenticationError, type RefusalCode } from '../refusals.ts';
import { SOMEBODY } from '../testing/doubles.ts';
import { checkSpans } from './check-spans.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const METHOD = 'envoy.service.auth.v3.Authorization/Check';

const from = (headers: Record<string, string>, method = METHOD): Caller => ({
  method,
  traceHeader: name => headers[name],
});
const joined = (traceparent: string) => from({ traceparent });

function createRecorder() {
  const memory = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
  const observer = checkSpans(provider);
  const spanOf = (end: (check: ObservedCheck) => void, caller?: Caller): ReadableSpan => {
    memory.reset();
    end(new ObservedCheck(observer, 'ext_authz_grpc', caller));
    const [span] = memory.getFinishedSpans();
    if (span === undefined) throw new Error('no span');
    return span;
  };
  return { spanOf };
}

const allow = (check: ObservedCheck) => check.allowed(SOMEBODY);
const refuse = (code: RefusalCode) => (check: ObservedCheck) =>
  check.refused(new AuthenticationError(code, { owner: SOMEBODY }).by('piped-jwt'));

describe('the span of a check', () => {
  it('says what it came to, in the names of the conventions, in the trace of the caller', () => {
    const span = createRecorder().spanOf(allow, from({ traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: 'a=1' }));
    expect(span).toMatchObject({ name: METHOD, kind: SpanKind.SERVER, status: { code: SpanStatusCode.UNSET } });
    expect(span.parentSpanContext).toMatchObject({ traceId: TRACE, spanId: PARENT, isRemote: true });
    expect([span.spanContext().traceId, span.spanContext().traceState]).toEqual([TRACE, undefined]);
    expect(span.attributes).toEqual({
      'rpc.system': 'grpc',
      'rpc.service': 'envoy.service.auth.v3.Authorization',
      'rpc.method': 'Check',
      'rpc.grpc.status_code': 0,
      'rpc.response.status_code': 'OK',
      'spanpass.protocol': 'ext_authz_grpc',
      'spanpass.outcome': 'allowed',
      'spanpass.authenticator': 'always-allow',
      'spanpass.project': 'shop',
      'spanpass.piped': 'edge-1',
    });
    expect(Number.isFinite(span.duration[0])).toBe(true);
    expect(span.duration[0]).toBeGreaterThanOrEqual(0);
  });

  it('names nobody who was not verified, and takes no refusal for an error of the server', () => {
    const { spanOf } = createRecorder();
    const forged = spanOf(refuse('signature_invalid'), from({}));
    expect(forged.attributes).toMatchObject({
      'spanpass.outcome': 'unauthenticated',
      'spanpass.reason': 'signature_invalid',
      'spanpass.authenticator': 'piped-jwt',
      'rpc.response.status_code': 'UNAUTHENTICATED',
    });
    expect(Object.keys(forged.attributes)).not.toContain('spanpass.piped');
    expect(forged.status.code).toBe(SpanStatusCode.UNSET);
    expect(spanOf(refuse('piped_disabled')).attributes).toMatchObject({ 'spanpass.piped': 'edge-1' });
  });

  it('is an error where the check could not be decided', () => {
    const { status } = createRecorder().spanOf(refuse('overloaded'));
    expect(status).toEqual({ code: SpanStatusCode.ERROR, message: 'overloaded: too many checks are under way' });
  });

  it('is named after the protocol where an HTTP method asks, and a made-up one has no name', () => {
    const { spanOf } = createRecorder();
    const got = spanOf(refuse('scope_denied'), from({}, 'GET'));
    expect([got.name, got.attributes['http.request.method'], got.attributes['http.response.status_code']]).toEqual([
      'check ext_authz_grpc',
      'GET',
      403,
    ]);
    expect(spanOf(allow, from({}, 'X'.repeat(500))).attributes['http.request.method']).toBe('_OTHER');
  });

  it.each([
    ['no header', undefined],
    ['an empty one', ''],
    ['upper case', `00-${TRACE.toUpperCase()}-${PARENT}-01`],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${PARENT}-01`],
    ['a parent id of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['the forbidden version', `ff-${TRACE}-${PARENT}-01`],
    ['members that version 00 does not have', `00-${TRACE}-${PARENT}-01-x`],
    ['a newline behind it', `00-${TRACE}-${PARENT}-01\n`],
    ['far too much', `01-${TRACE}-${PARENT}-01-${'x'.repeat(10_000)}`],
  ])('begins a trace of its own for %s', (_, traceparent) => {
    const span = createRecorder().spanOf(allow, traceparent === undefined ? undefined : joined(traceparent));
    expect(span.parentSpanContext).toBeUndefined();
    expect(span.spanContext().traceId).not.toBe(TRACE);
  });

  it('reads a later version as far as it is known', () => {
    const span = createRecorder().spanOf(allow, joined(`cc-${TRACE}-${PARENT}-01-more`));
    expect(span.spanContext().traceId).toBe(TRACE);
  });

  it('is not made where the caller or the sampler does not want it', () => {
    const onEnd = vi.fn<(span: Span) => void>();
    const processor = { onStart: () => {}, onEnd, forceFlush: async () => {}, shutdown: async () => {} };
    const off = checkSpans(
      new BasicTracerProvider({ sampler: new AlwaysOffSampler(), spanProcessors: [processor as never] }),
    );
    new ObservedCheck(off, 'grpc', joined(`00-${TRACE}-${PARENT}-01`)).allowed(SOMEBODY);
    const parentBased = checkSpans(new BasicTracerProvider({ spanProcessors: [processor as never] }));
    new ObservedCheck(parentBased, 'grpc', joined(`00-${TRACE}-${PARENT}-00`)).allowed(SOMEBODY);
    expect(onEnd).not.toHaveBeenCalled();
    new ObservedCheck(parentBased, 'grpc', joined(`00-${TRACE}-${PARENT}-01`)).allowed(SOMEBODY);
    expect(onEnd).toHaveBeenCalledTimes(1);
  });

  it('that can not be made changes nothing for the check', () => {
    const fail = () => {
      throw new Error('a bug');
    };
    const sampler = { shouldSample: fail, toString: () => 'broken' };
    const processor = { onStart: fail, onEnd: fail, forceFlush: async () => {}, shutdown: async () => {} };
    for (const provider of [
      new BasicTracerProvider({ sampler, spanProcessors: [processor] }),
      new BasicTracerProvider({ spanProcessors: [processor] }),
    ]) {
      expect(() => new ObservedCheck(checkSpans(provider), 'grpc').allowed(SOMEBODY)).not.toThrow();
    }
  });
});
