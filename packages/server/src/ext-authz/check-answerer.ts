import type { CheckedRequest, Principal, Server } from '../contract.ts';
import { type Caller, ObservedCheck, type Observer } from '../observer.ts';
import { AuthenticationError } from '../refusals.ts';
import { createAnswers } from './answers.ts';
import { readCheckRequest } from './read-request.ts';

/** The name that health checks may ask for. */
export const EXT_AUTHZ_SERVICE = 'envoy.service.auth.v3.Authorization';

const PROTOCOL = 'ext_authz_grpc';
const METHOD = `${EXT_AUTHZ_SERVICE}/Check`;
export const CHECK_PATH = `/${METHOD}`;

/** Headers of the call itself: all values of a name. */
export interface CallHeaders {
  get(name: string): readonly unknown[];
}

/** Answers the bytes of one CheckRequest with those of a CheckResponse, exactly once, whatever the request is. */
export type CheckAnswerer = (request: Buffer, headers: CallHeaders, respond: (answer: Buffer) => void) => void;

/** What all transports of the ext_authz service over gRPC do with a message. */
export function checkAnswerer(server: Server, observer: Observer): CheckAnswerer {
  const answers = createAnswers();

  function allow(principal: Principal, caller: EnvoyCaller, observed: ObservedCheck): Buffer {
    try {
      const answer = answers.allow(principal);
      observed.allowed(principal);
      return answer;
    } catch (error) {
      return refuse(error, caller, observed);
    }
  }

  function refuse(thrown: unknown, { request }: EnvoyCaller, observed: ObservedCheck): Buffer {
    const refused = AuthenticationError.from(thrown);
    observed.refused(refused);
    return answers.refuse(refused, request === undefined || speaksGrpc(request));
  }

  return (bytes, headers, respond) => {
    const caller = new EnvoyCaller(headers);
    const observed = new ObservedCheck(observer, PROTOCOL, caller);
    let answer: Principal | Promise<Principal>;
    try {
      caller.request = readCheckRequest(bytes);
      answer = server.authenticate(caller.request);
    } catch (error) {
      respond(refuse(error, caller, observed));
      return;
    }
    if (answer instanceof Promise) {
      answer.then(
        principal => respond(allow(principal, caller, observed)),
        error => respond(refuse(error, caller, observed)),
      );
    } else respond(allow(answer, caller, observed));
  };
}

/** Envoy's own span of the call, where it makes one; else the trace of the request that it asks about. */
class EnvoyCaller implements Caller {
  readonly method = METHOD;
  /** What Envoy asks about, once that is read. */
  request: CheckedRequest | undefined;
  readonly #headers: CallHeaders;

  constructor(headers: CallHeaders) {
    this.#headers = headers;
  }

  traceHeader(name: string): string | undefined {
    const headers = this.#headers;
    const from = headers.get('traceparent').length > 0 ? headers.get(name) : this.request?.headers[name];
    const only = Array.isArray(from) ? from.length === 1 && from[0] : from;
    return typeof only === 'string' ? only : undefined;
  }
}

/** Where the gateway shows no content type, a header more does an HTTP caller no harm. */
function speaksGrpc({ headers }: CheckedRequest): boolean {
  const contentType = headers['content-type'];
  return typeof contentType !== 'string' || contentType.startsWith('application/grpc');
}
