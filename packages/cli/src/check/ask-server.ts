import type { ControlPlaneClient } from '@spanpass/control-plane/client';
import { type KeyRecord, parseCredential, type UnverifiedCredential } from '@spanpass/credential';
import {
  AuthenticationError,
  type Authenticator,
  type AuthServerRules,
  createServer,
  type KeySource,
  type PeerCertificate,
  type Principal,
  pipecdKey,
  pipedJwt,
} from '@spanpass/server';
import { isProblem } from '../admin/connect.ts';
import { Failure } from '../failure.ts';

export interface Question {
  /** The authorization value, `Bearer …`; empty for none. */
  readonly authorization: string;
  readonly method: string;
  readonly path: string;
  readonly certificate: PeerCertificate | undefined;
  readonly audience: string;
  readonly authenticators: NonNullable<AuthServerRules['authenticators']>;
}

/** What the server did, seen from outside. */
export interface Asked {
  readonly question: Question;
  readonly verdict: Principal | AuthenticationError;
  /** Who was asked, in this order, and who ended the search. */
  readonly asked: readonly { readonly name: string; readonly took: boolean }[];
  /** The credential taken apart, if it is a signed one. */
  readonly parsed: UnverifiedCredential | undefined;
  /** The key that its kid led to. */
  readonly record: KeyRecord | undefined;
}

/**
 * The server's own way of deciding, with nothing remembered, and the control plane asked for the one key.
 *
 * @throws what the control plane's client throws, when it could not be asked
 */
export async function askServer(connect: () => Promise<ControlPlaneClient>, question: Question): Promise<Asked> {
  const { authorization, method, path, certificate, audience } = question;
  const asked: { name: string; took: boolean }[] = [];
  let record: KeyRecord | undefined;
  let failure: unknown;
  const keys: KeySource = {
    async get(kid) {
      try {
        record = await (await connect()).getKey(kid);
      } catch (error) {
        if (isProblem(error, 'key_unknown')) return undefined;
        failure = error;
        throw error;
      }
      return record;
    },
    peek: () => undefined,
  };
  const pipeds = {
    lookup() {
      failure = new Failure("PipeCD's keys in the control plane are shown to auth servers alone: ask one of them");
      throw failure;
    },
    peek: () => undefined,
  };
  const chain = question.authenticators.map(one => {
    if (one === 'piped-jwt') return pipedJwt({ keys, audience });
    return one === 'pipecd-key' ? pipecdKey({ pipeds }) : one;
  });
  const server = createServer({ authenticators: chain.map(watched), checkTimeoutMs: 20_000 });

  function watched(authenticator: Authenticator): Authenticator {
    return {
      name: authenticator.name,
      restsOn: authenticator.restsOn,
      async authenticate(request, signal) {
        const seen = { name: authenticator.name, took: true };
        asked.push(seen);
        const outcome = await authenticator.authenticate(request, signal);
        seen.took = outcome.kind !== 'not-mine';
        return outcome;
      },
    };
  }

  const peer = { address: '127.0.0.1', ...(certificate && { certificate }) };
  const headers = authorization === '' ? {} : { authorization };
  const verdict = await (async () => server.authenticate({ headers, method, path, peer }))().catch(
    AuthenticationError.from,
  );
  if (failure !== undefined) throw failure;
  return { question, verdict, asked, parsed: takenApart(authorization), record };
}

function takenApart(authorization: string): UnverifiedCredential | undefined {
  try {
    return parseCredential(authorization.replace(/^bearer +/i, ''));
  } catch {
    return undefined;
  }
}
