import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  credentials as grpcCredentials,
  type Interceptor,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { wholeNumber } from '../check.ts';
import { partialSuccessOf } from '../otlp/partial-success.ts';
import { SIGNALS, type SignalKind } from '../signals.ts';
import { type GrpcEndpoint, parseGrpcEndpoint } from './grpc-endpoint.ts';
import { outcomeOfGrpcError } from './grpc-outcome.ts';
import type { Outcome } from './outcome.ts';
import { assertConfidential } from './peer.ts';
import {
  authorizationOf,
  CredentialUnavailable,
  type ExportCredentials,
  headersWithin,
  type Transport,
} from './transport.ts';

export interface GrpcTransportOptions {
  /** `https://host:4317`, `http://host:4317` or `unix:///path`; `host:4317` means https. */
  readonly endpoint: string;
  readonly credentials?: ExportCredentials | undefined;
  /** Default: TLS with the system's roots for https, else plaintext. May carry call credentials. */
  readonly channelCredentials?: ChannelCredentials | undefined;
  readonly interceptors?: readonly Interceptor[] | undefined;
  /** Sent with each request, beside the credentials. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** For one request as a whole. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  readonly compression?: 'none' | 'gzip' | undefined;
  /** Lets `credentials.headers` leave this machine unencrypted. Default false. */
  readonly allowPlaintext?: boolean | undefined;
  readonly channelOptions?: ChannelOptions | undefined;
}

const GZIP = 2;
/** A receiver that is frozen, or gone without a word, shows as calls that run out of time: then another connection helps. */
const TIMEOUTS_UNTIL_RECONNECT = 2;

const CHANNEL_OPTIONS: ChannelOptions = {
  // grpc-js would wait up to two minutes between attempts, and fail all calls meanwhile.
  'grpc.initial_reconnect_backoff_ms': 500,
  'grpc.max_reconnect_backoff_ms': 5_000,
  'grpc.dns_min_time_between_resolutions_ms': 5_000,
  // A new client must not get the old, dead connection.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.max_receive_message_length': 1024 * 1024,
};

/**
 * OTLP/gRPC.
 *
 * @throws TypeError for options that are not usable, or that would send a secret in the clear
 */
export function grpcTransport(options: GrpcTransportOptions): Transport {
  return new GrpcTransport(options);
}

class GrpcTransport implements Transport {
  readonly peer: string;
  readonly #endpoint: GrpcEndpoint;
  readonly #credentials: ExportCredentials;
  readonly #channelCredentials: ChannelCredentials;
  readonly #channelOptions: ChannelOptions;
  readonly #interceptors: Interceptor[];
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;
  readonly #peerIsTrusted: boolean;
  #client: Client | undefined;
  #timeouts = 0;

  constructor(options: GrpcTransportOptions) {
    const { endpoint, credentials = {}, channelCredentials, headers = {}, compression, allowPlaintext } = options;
    this.#endpoint = parseGrpcEndpoint(endpoint);
    const { target, tls, isLoopback } = this.#endpoint;
    this.peer = target;
    this.#credentials = credentials;
    this.#channelCredentials =
      channelCredentials ?? (tls ? grpcCredentials.createSsl() : grpcCredentials.createInsecure());
    this.#timeoutMs = wholeNumber('timeoutMs', options.timeoutMs ?? 10_000, 1, 600_000);
    this.#interceptors = [...(options.interceptors ?? [])];
    this.#headers = headers;
    const secure = this.#channelCredentials._isSecure();
    if (tls && !secure) throw new TypeError('endpoint is https, but channelCredentials are not for TLS');
    const hasAuthorization = authorizationOf(headers) !== undefined;
    assertConfidential(
      target,
      secure || isLoopback || allowPlaintext === true,
      !!credentials.headers || hasAuthorization,
    );
    if (hasAuthorization && (credentials.headers || channelCredentials)) {
      throw new TypeError('authorization is given twice: in headers, and by credentials; gRPC takes one');
    }
    this.#peerIsTrusted = secure || isLoopback;
    this.#channelOptions = {
      ...CHANNEL_OPTIONS,
      // What stays on this machine takes no way through a proxy.
      ...(isLoopback && { 'grpc.enable_http_proxy': 0 }),
      ...(compression === 'gzip' && { 'grpc.default_compression_algorithm': GZIP }),
      ...options.channelOptions,
    };
  }

  async send(kind: SignalKind, payload: Buffer, signal: AbortSignal): Promise<Outcome> {
    const deadlineMs = Date.now() + this.#timeoutMs;
    const metadata = new Metadata();
    let headers: Record<string, string>;
    try {
      headers = { ...this.#headers, ...(await headersWithin(this.#timeoutMs, this.#credentials, signal)) };
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    } catch (error) {
      const message = error instanceof CredentialUnavailable ? error.message : 'its headers are not well-formed';
      return { kind: 'retry', reason: 'no credential', message };
    }
    const outcome = await this.#call(kind, payload, metadata, deadlineMs, authorizationOf(headers), signal);
    this.#watchTimeouts(outcome);
    return outcome;
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  async #call(
    kind: SignalKind,
    payload: Buffer,
    metadata: Metadata,
    deadlineMs: number,
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<Outcome> {
    this.#client ??= new Client(this.#endpoint.target, this.#channelCredentials, this.#channelOptions);
    const client = this.#client;
    return new Promise<Outcome>(resolve => {
      let headers: Metadata | undefined;
      const done = (error: ServiceError | null, response?: Buffer) => {
        signal.removeEventListener('abort', cancel);
        if (!error) return resolve({ kind: 'accepted', ...partialSuccessOf(response ?? Buffer.alloc(0)) });
        resolve(outcomeOfGrpcError(error, { headers, peerIsTrusted: this.#peerIsTrusted, authorization }));
      };
      const options = { deadline: deadlineMs, interceptors: this.#interceptors };
      const call = client.makeUnaryRequest(SIGNALS[kind].grpcPath, same, same, payload, metadata, options, done);
      call.on('metadata', (initial: Metadata) => {
        headers = initial;
      });
      const cancel = () => call.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      if (signal.aborted) cancel();
    });
  }

  #watchTimeouts(outcome: Outcome): void {
    const timedOut = outcome.kind === 'retry' && outcome.reason === `gRPC ${status[status.DEADLINE_EXCEEDED]}`;
    this.#timeouts = timedOut ? this.#timeouts + 1 : 0;
    if (this.#timeouts < TIMEOUTS_UNTIL_RECONNECT) return;
    this.#timeouts = 0;
    this.close();
  }
}

function same(bytes: Buffer): Buffer {
  return bytes;
}
