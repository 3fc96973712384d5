import { type CallCredentials, credentials, Metadata } from '@grpc/grpc-js';
import type { CredentialSource } from './contract.ts';
import { CLIENT_ERRORS, ClientError } from './errors.ts';
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
  return credentials.createFromMetadataGenerator((call, callback) => {
    generate(source, options, call.service_url).then(
      metadata => callback(null, metadata),
      error => callback(toGrpcError(error)),
    );
  });
}

async function generate(source: CredentialSource, options: CallOptions, serviceUrl: string): Promise<Metadata> {
  options.check?.(serviceUrl);
  explainOtlpHeaders(serviceUrl);
  const token = await boundedCredential(source, options.timeoutMs);
  options.onCredential?.(token);
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

/** The message reaches the caller's logs, so of a foreign error only the fact that it happened is told. */
export function toGrpcError(error: unknown): GrpcError {
  const { code, message } = ClientError.from(error);
  return Object.assign(new Error(`${message} (${code})`), { code: CLIENT_ERRORS[code] });
}
