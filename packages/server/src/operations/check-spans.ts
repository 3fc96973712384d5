import { type Attributes, diag, SpanKind, SpanStatusCode, type Tracer, type TracerProvider } from '@opentelemetry/api';
import type { Decision, Observer } from '../observer.ts';
import type { AuthenticationError } from '../refusals.ts';
import { parentOf } from './trace-parent.ts';

/** gRPC status codes by number, for those that a check may end with. */
const STATUS_NAMES: Readonly<Record<number, string>> = {
  0: 'OK',
  7: 'PERMISSION_DENIED',
  14: 'UNAVAILABLE',
  16: 'UNAUTHENTICATED',
};

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']);

/**
 * One span per check, of kind SERVER, in the trace of the caller: Envoy's span of the call where it makes one, else the
 * trace of the request that it asks about. It is made when the check is decided and dated back, and a sampler sees its name
 * and outcome only, so one that is not sampled costs little.
 *
 * Attributes are those of OpenTelemetry's conventions for RPC (`rpc.system`, `rpc.service`, `rpc.method`,
 * `rpc.grpc.status_code`) or HTTP servers, and `spanpass.outcome`, `.reason`, `.protocol`, `.authenticator`, `.project`
 * and `.piped`; the last two only of a verified identity. Only what could not be decided counts as an error.
 *
 * @param now wall clock, in milliseconds. Default `Date.now`
 * @example
 * const observer = joinObservers(metrics.observer, checkSpans(provider));
 */
export function checkSpans(tracerProvider: TracerProvider, now: () => number = Date.now): Observer {
  const tracer = tracerProvider.getTracer('@spanpass/server');
  return {
    decided(decision) {
      try {
        record(tracer, decision, now());
      } catch {
        // Samplers and processors can be anybody's, and the answer is not theirs to lose.
        diag.error('the span of a check could not be made');
      }
    },
  };
}

function record(tracer: Tracer, decision: Decision, endTime: number): void {
  const { caller, durationSeconds = 0, refused, protocol } = decision;
  const startTime = endTime - durationSeconds * 1000;
  const name = caller?.method.includes('/') ? caller.method : `check ${protocol}`;
  const attributes = outcomeOf(refused);
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER, startTime, attributes }, parentOf(caller));
  if (span.isRecording()) {
    span.setAttributes(attributesOf(decision));
    if (refused?.refusal.outcome === 'unavailable') {
      span.setStatus({ code: SpanStatusCode.ERROR, message: refused.refusal.message });
    }
  }
  span.end(endTime);
}

const ALLOWED: Attributes = Object.freeze({ 'spanpass.outcome': 'allowed' });

/** All that a sampler may want to look at: the rest is put together for spans that somebody will see. */
function outcomeOf(refused: AuthenticationError | undefined): Attributes {
  if (refused === undefined) return ALLOWED;
  return { 'spanpass.outcome': refused.refusal.outcome, 'spanpass.reason': refused.code };
}

function attributesOf({ protocol, authenticator, owner, refused, caller }: Decision): Attributes {
  return {
    ...(caller && callAttributes(caller.method, refused?.refusal)),
    'spanpass.protocol': protocol,
    ...(authenticator !== undefined && { 'spanpass.authenticator': authenticator }),
    ...(owner && { 'spanpass.project': owner.project, 'spanpass.piped': owner.piped }),
  };
}

function callAttributes(method: string, refusal: { grpcStatus: number; httpStatus: number } | undefined): Attributes {
  const [service, name] = method.split('/', 2);
  if (service === undefined || name === undefined) {
    return {
      // Anybody may make up a method; the conventions have a word for those.
      'http.request.method': METHODS.has(method) ? method : '_OTHER',
      'http.response.status_code': refusal?.httpStatus ?? 200,
    };
  }
  const code = refusal?.grpcStatus ?? 0;
  return {
    'rpc.system': 'grpc',
    'rpc.service': service,
    'rpc.method': name,
    'rpc.grpc.status_code': code,
    'rpc.response.status_code': STATUS_NAMES[code] ?? String(code),
  };
}
