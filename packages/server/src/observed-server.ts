import type { CheckedRequest, Principal, Server } from './contract.ts';
import { ObservedCheck, type Observer } from './observer.ts';
import { AuthenticationError } from './refusals.ts';

/** For a receiver in the auth server's own process: what it is told counts as if it had come through a door. */
export function observedServer(server: Server, observer: Observer): Server {
  return {
    async authenticate(request: CheckedRequest, signal?: AbortSignal): Promise<Principal> {
      const check = new ObservedCheck(observer, request.path.startsWith('/v1/') ? 'http' : 'grpc');
      try {
        const principal = await server.authenticate(request, signal);
        check.allowed(principal);
        return principal;
      } catch (error) {
        check.refused(error instanceof AuthenticationError ? error : new AuthenticationError('internal_error'));
        throw error;
      }
    },
  };
}
