import type { CallCredentials, ChannelCredentials, Interceptor, VerifyOptions } from '@grpc/grpc-js';
import type { ClientError } from './errors.ts';

/** How a channel reaches its server. PEM in buffers, as grpc-js takes them. */
export type Transport = TlsTransport | PlaintextTransport;

export interface TlsTransport {
  readonly kind: 'tls';
  readonly rootCerts?: Buffer | undefined;
  readonly privateKey?: Buffer | undefined;
  readonly certChain?: Buffer | undefined;
  readonly verifyOptions?: VerifyOptions | undefined;
}

export interface PlaintextTransport {
  readonly kind: 'plaintext';
  /** Lets the credential leave this machine unencrypted. Default: the client's `allowPlaintext`, which is false. */
  readonly allowPlaintext?: boolean | undefined;
}

/** The Collector's `extensionauth.GRPCClient`. */
export interface GrpcClient {
  callCredentials(): CallCredentials;
  channelCredentials(transport: Transport): ChannelCredentials;
  interceptor(transport?: Transport): Interceptor;
}

/** The Collector's `extensionauth.HTTPClient`. */
export interface HttpClient {
  fetch(base?: typeof fetch): typeof fetch;
  headers(): Promise<Record<string, string>>;
}

/** Where credentials come from. A second kind of client is one implementation of this. */
export interface CredentialSource extends AsyncDisposable {
  /** A credential that is good now, without `Bearer`. May be called at any rate. */
  credential(signal?: AbortSignal): Promise<string>;
  /** Says that `used` was refused, so that the next call gets another one, if there is another one. */
  invalidate(used: string): void;
  state(): SourceState;
}

/** Times are milliseconds of the source's clock; `expiresAtMs` is Infinity for what never ends. */
export type SourceState = CredentialState & {
  /** Of a source whose key is renewed by itself. */
  readonly renewal?: RenewalState;
};

/** How the renewal of a key goes; a failed one is tried again, and signing goes on meanwhile. */
export type RenewalState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'renewing' }
  /** `notAfter` is NumericDate seconds, as in the key file. */
  | { readonly kind: 'renewed'; readonly kid: string; readonly notAfter: number }
  | { readonly kind: 'failed'; readonly error: ClientError; readonly retryAtMs: number };

type CredentialState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'fresh'; readonly expiresAtMs: number }
  | { readonly kind: 'refreshing'; readonly expiresAtMs: number }
  | { readonly kind: 'stale'; readonly expiresAtMs: number; readonly error?: ClientError }
  | { readonly kind: 'failed'; readonly error: ClientError };
