import { status } from '@grpc/grpc-js';
import type { ControlPlaneClient } from '@spanpass/control-plane/client';
import { AuthenticationError, createServer, type KeySource, type Principal, pipedJwt } from '@spanpass/server';
import { isProblem } from './connect.ts';

export interface Question {
  /** Without `Bearer`. */
  readonly credential: string;
  readonly path: string;
  readonly audience: string;
}

export interface WouldBeRefused {
  readonly kind: 'refused';
  readonly error: AuthenticationError;
  /** The name of the gRPC status. */
  readonly grpcName: string;
}

export type ServersAnswer = { readonly kind: 'allowed'; readonly principal: Principal } | WouldBeRefused;

/**
 * The server's own way of deciding, with nothing remembered, and the control plane asked for the one key.
 *
 * @throws what the control plane's client throws, when it could not be asked
 */
export async function askServer(admin: ControlPlaneClient, question: Question): Promise<ServersAnswer> {
  const { credential, path, audience } = question;
  let failure: unknown;
  const keys: KeySource = {
    get: kid =>
      admin.getKey(kid).catch(error => {
        if (isProblem(error, 'key_unknown')) return undefined;
        failure = error;
        throw error;
      }),
    peek: () => undefined,
  };
  const server = createServer({ authenticators: [pipedJwt({ keys, audience })], checkTimeoutMs: 20_000 });
  try {
    const headers = { authorization: `Bearer ${credential}` };
    const peer = { address: '127.0.0.1' };
    return { kind: 'allowed', principal: await server.authenticate({ headers, method: 'POST', path, peer }) };
  } catch (thrown) {
    if (failure !== undefined) throw failure;
    const error = AuthenticationError.from(thrown);
    return { kind: 'refused', error, grpcName: status[error.refusal.grpcStatus] ?? 'UNKNOWN' };
  }
}
