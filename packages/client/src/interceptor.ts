import { credentials, InterceptingCall, type Interceptor, Metadata, status } from '@grpc/grpc-js';
import { isLoopbackHost } from '@spanpass/credential';
import { createCallCredentials, toGrpcError } from './call-credentials.ts';
import type { CredentialSource, Transport } from './contract.ts';
import { authorizationTwice } from './errors.ts';
import { isLoopbackTarget, parseTarget } from './grpc-target.ts';
import { plaintextRefused } from './loopback.ts';

/**
 * Attaches the source's credential to each call, and invalidates one that is answered with UNAUTHENTICATED, so that the
 * next call has a new one. A call that sets `authorization` itself is refused.
 *
 * The credential goes in as call credentials: grpc-js asks for it when a connection is there, and the call's deadline
 * and cancellation work meanwhile.
 */
export function createInterceptor(source: CredentialSource, transport: Transport, timeoutMs: number): Interceptor {
  const judges = transport.kind === 'plaintext' && transport.allowPlaintext !== true;
  return (options, nextCall) => {
    const attached: string[] = [];
    let target = '';
    const own = createCallCredentials(source, {
      timeoutMs,
      check: serviceUrl => {
        if (judges) assertLoopback(target, serviceUrl);
      },
      onCredential: token => attached.push(token),
    });
    const all = options.credentials ? credentials.combineCallCredentials(options.credentials, own) : own;
    const call = nextCall({ ...options, credentials: all });
    target = call.getPeer();
    return new InterceptingCall(call, {
      start: (metadata, listener, next) => {
        if (metadata.get('authorization').length > 0) {
          const { code, message } = toGrpcError(authorizationTwice());
          listener.onReceiveStatus({ code, details: message, metadata: new Metadata() });
          call.cancelWithStatus(code, message);
          return;
        }
        next(metadata, {
          onReceiveStatus: (answer, pass) => {
            if (answer.code === status.UNAUTHENTICATED) for (const token of attached) source.invalidate(token);
            pass(answer);
          },
        });
      },
    });
  };
}

/**
 * An interceptor can't see whether its channel is encrypted. It sees where the channel leads (the proxy, if there is
 * one), and the authority of the call, which is the server's name. Both must be this machine.
 */
function assertLoopback(target: string, serviceUrl: string): void {
  const host = /^https:\/\/([^/]*)\//.exec(serviceUrl)?.[1] ?? '';
  const uri = parseTarget(target);
  if (uri !== undefined && isLoopbackTarget(uri) && isLoopbackHost(host)) return;
  throw plaintextRefused(`${host} at ${target}`, "if the channel is encrypted, say so by interceptor({ kind: 'tls' })");
}
