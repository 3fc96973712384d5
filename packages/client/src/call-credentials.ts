import { type CallCredentials, credentials, Metadata } from '@grpc/grpc-js';
import type { CredentialSource } from './contract.ts';
import { CLIENT_ERRORS, ClientError } from './errors.ts';
import { heldCredential } from './held-credential.ts';
import { explainOtlpHeaders } from './otlp-headers.ts';
import { boundedCredential } from './time-bound.ts';

/** grpc-js reads `code` as the status; without one the call fails with UNKNOWN, which nobody retries. */
export interface GrpcError extends Error {
  readonly code: number;
}

export interface CallOptions {
  readonly timeoutMs: number;
  /** Called with the URL of the service and before anything is asked for; what it throws ends the call. */
  readonly check?: (serviceUrl: string) => void;
  /** Called with each credential that is attached. */
  readonly onCredential?: (token: string) => void;
}

/** Call credentials that ask the source on each call, and fail in time and with a status that says what to do. */
export function createCallCredentials(source: CredentialSource, options: CallOptions): CallCredentials {
  const { check, onCredential, timeoutMs } = options;
  const metadataOf = metadataMaker();
  let explainedUrl: string | undefined;

  function attach(token: string): Metadata {
    onCredential?.(token);
    return metadataOf(token);
  }

  return credentials.createFromMetadataGenerator(({ service_url }, callback) => {
    const fail = (error: unknown) => callback(toGrpcError(error));
    let attached: Metadata | undefined;
    try {
      check?.(service_url);
      if (service_url !== explainedUrl) explainOtlpHeaders(service_url);
      explainedUrl = service_url;
      const held = heldCredential(source);
      attached = held === undefined ? undefined : attach(held);
    } catch (error) {
      fail(error);
      return;
    }
    // Called outside of the try: what grpc-js throws is not a failure of ours, and must not be told to it twice.
    if (attached !== undefined) callback(null, attached);
    else
      boundedCredential(source, timeoutMs)
        .then(attach)
        .then(metadata => callback(null, metadata), fail);
  });
}

/** A copy for each call, since it becomes the caller's, of one that is made for each token. */
function metadataMaker(): (token: string) => Metadata {
  let made: { readonly token: string; readonly metadata: Metadata } | undefined;
  return token => {
    if (made?.token !== token) {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${token}`);
      made = { token, metadata };
    }
    return made.metadata.clone();
  };
}

/** The message reaches the caller's logs, so of a foreign error only the fact that it happened is told. */
export function toGrpcError(error: unknown): GrpcError {
  const { code, message } = ClientError.from(error);
  return Object.assign(new Error(`${message} (${code})`), { code: CLIENT_ERRORS[code] });
}
