import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerMethodDefinition,
} from '@grpc/grpc-js';
import type { CheckedRequest, Principal, Server } from './contract.ts';
import { identityHeaders, isIdentityHeader } from './identity.ts';
import { type Caller, ObservedCheck, type Observer } from './observer.ts';
import { certificateOf } from './peer.ts';
import { grpcRetryHeaders } from './refusal-headers.ts';
import { AuthenticationError } from './refusals.ts';

export interface AuthInterceptorOptions {
  /** Full method paths that anybody may call, such as a health check's. Default none. */
  readonly open?: readonly string[];
  readonly observer?: Observer;
}

const PROTOCOL = 'grpc';

/**
 * Guards a grpc-js server: a handler sees a call, and its messages, only after the server allowed it. Identity metadata
 * that the client sent and its authorization are taken away, and the verified identity (`x-spanpass-project`,
 * `x-spanpass-piped`) is put in.
 *
 * @example
 * new grpc.Server({ interceptors: [authInterceptor(server)] });
 */
export function authInterceptor(
  server: Server,
  { open = [], observer = {} }: AuthInterceptorOptions = {},
): ServerInterceptor {
  const openPaths = new Set(open);
  return (method, call) => {
    if (openPaths.has(method.path)) return new ServerInterceptingCall(call);
    return new ServerInterceptingCall(call, {
      start: next =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            const observed = new ObservedCheck(observer, PROTOCOL, callerOf(method.path, metadata));
            const allow = (principal: Principal) => {
              observed.allowed(principal);
              pass(stamp(metadata, principal));
            };
            const refuse = (thrown: unknown) => {
              const refused = AuthenticationError.from(thrown);
              observed.refused(refused);
              call.sendStatus(statusOf(refused));
            };
            settle(() => server.authenticate(readCall(method, call, metadata)), allow, refuse);
          },
        }),
    });
  };
}

/** Runs exactly one of the two, and what a handler behind `allow` throws is not a refusal. */
function settle(
  ask: () => Principal | Promise<Principal>,
  allow: (principal: Principal) => void,
  refuse: (thrown: unknown) => void,
): void {
  let answer: Principal | Promise<Principal>;
  try {
    answer = ask();
  } catch (error) {
    refuse(error);
    return;
  }
  if (answer instanceof Promise) answer.then(allow, refuse);
  else allow(answer);
}

/** The metadata is the guarded handler's own by the time that the trace is looked for; nobody takes these out of it. */
function callerOf(path: string, metadata: Metadata): Caller {
  return {
    method: path.slice(1),
    traceHeader(name) {
      const values = metadata.get(name);
      return values.length === 1 ? String(values[0]) : undefined;
    },
  };
}

function readCall(
  { path }: ServerMethodDefinition<unknown, unknown>,
  call: ServerInterceptingCallInterface,
  metadata: Metadata,
): CheckedRequest {
  const headers: Record<string, string | readonly string[]> = {};
  for (const name of Object.keys(metadata.getMap())) headers[name] = metadata.get(name).map(String);
  const certificate = certificateOf(call.getAuthContext().sslPeerCertificate);
  const address = call.getConnectionInfo().remoteAddress ?? call.getPeer();
  return { headers, method: 'POST', path, peer: certificate ? { address, certificate } : { address } };
}

function stamp(metadata: Metadata, principal: Principal): Metadata {
  for (const name of Object.keys(metadata.getMap())) if (isIdentityHeader(name)) metadata.remove(name);
  metadata.remove('authorization');
  for (const [name, value] of Object.entries(identityHeaders(principal))) metadata.set(name, value);
  return metadata;
}

function statusOf({ refusal }: AuthenticationError) {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(grpcRetryHeaders(refusal))) {
    metadata.set(name, name.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
  }
  return { code: refusal.grpcStatus, details: refusal.message, metadata };
}
