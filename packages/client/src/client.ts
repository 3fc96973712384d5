import type { ChannelCredentials } from '@grpc/grpc-js';
import { autoRenewed } from './auto-renewal.ts';
import { createCallCredentials } from './call-credentials.ts';
import { PlaintextCredentials, tlsCredentials } from './channel-credentials.ts';
import type { CredentialSource, GrpcClient, HttpClient, RenewalState, TlsTransport } from './contract.ts';
import { type ExchangeOptions, exchangedSource } from './exchanged-source.ts';
import { createExportCredentials, type ExportCredentials } from './export-credentials.ts';
import { authorizationHeaders, createFetch } from './http.ts';
import { createInterceptor } from './interceptor.ts';
import { assertConfidential } from './loopback.ts';
import { type SignedSourceOptions, signedSource } from './signed-source.ts';

export type ClientOptions = (KeyFileOptions | { readonly source: CredentialSource }) & {
  /** Longest time that a call waits for its credential. Default 5,000 ms. */
  readonly timeoutMs?: number | undefined;
  /** Lets credentials leave this machine unencrypted. Default false. */
  readonly allowPlaintext?: boolean | undefined;
};

export interface KeyFileOptions extends SignedSourceOptions {
  /**
   * Exchanges what the key signs for access tokens of the control plane, for gateways that verify these without asking
   * anyone. Default false: what the key signs goes to the gateway itself.
   */
  readonly exchange?: boolean | ExchangeOptions | undefined;
  /**
   * `auto` renews the key at two thirds of its life. Default `auto` for the path of a key file; the content of one can't
   * be renewed.
   */
  readonly renewal?: 'auto' | false | undefined;
  /** Told of each change of the renewal's state, which `source.state()` shows as well. */
  readonly onRenewal?: ((state: RenewalState) => void) | undefined;
}

export interface Client extends GrpcClient, HttpClient, AsyncDisposable {
  readonly source: CredentialSource;
  /** Optional: gets the first credential, so that a missing key file shows now and not at the first export. */
  start(): Promise<void>;
  /**
   * Channel credentials for an exporter's URL: plaintext for `http` and `unix`, TLS for `https` and for a URL without a
   * scheme, as the OTLP exporters read it.
   *
   * @throws ClientError `plaintext_refused`, for `http` beyond loopback
   * @throws TypeError for another scheme
   */
  credentialsFor(url: string, tls?: Omit<TlsTransport, 'kind'>): ChannelCredentials;
  /**
   * The `headers` option of an OTLP/HTTP exporter, which asks it on each export. Give it the exporter's own URL.
   *
   * @throws ClientError `plaintext_refused`, for `http` beyond loopback
   */
  headersFor(url: string): () => Promise<Record<string, string>>;
  /**
   * The `credentials` option of `createDurableExport` of `@spanpass/tracing/durable`, which judges its own endpoint, drops
   * what was refused, and, with a key file, corrects this client's clock by that of a trusted gateway.
   */
  exportCredentials(): ExportCredentials;
}

/**
 * Attaches credentials to calls. Nothing happens before the first call; options are checked at once.
 *
 * - `channelCredentials(transport)`: the `credentials` of an OTLP/gRPC exporter, or of any grpc-js client. Plaintext
 *   beyond loopback fails each call with UNAVAILABLE and the reason.
 * - `interceptor(transport)`: for a channel that is there already. It can't see whether that is encrypted, so without
 *   `{ kind: 'tls' }` it attaches on loopback only.
 * - `callCredentials()`: for `combineChannelCredentials` with TLS. grpc-js does not tell them where they are used either,
 *   and takes them as a call's option on an insecure channel: don't.
 * - `fetch()`: refuses plaintext beyond loopback, and follows no redirects.
 * - `headers()`: the bare header, for who has judged the URL. Rather use `headersFor(url)`, which judges it.
 *
 * They fail with a `ClientError`, or in gRPC with UNAVAILABLE when there may be a credential later, UNAUTHENTICATED else
 * (PERMISSION_DENIED while the piped is disabled, with `exchange`).
 *
 * @throws TypeError for options that make no sense
 * @example
 * const pass = createClient({ keyFile: '/etc/piped/key.json' });
 * const exporter = new OTLPTraceExporter({ url, credentials: pass.credentialsFor(url) });
 */
export function createClient(options: ClientOptions): Client {
  const { timeoutMs = 5_000, allowPlaintext = false } = options;
  if (!(timeoutMs > 0 && timeoutMs <= 600_000)) throw new TypeError('timeoutMs must be from 1 to 600,000');
  const { now, correctClock } = correctableClock('now' in options ? options.now : undefined);
  const source = 'source' in options ? options.source : keyFileSource({ ...options, now });

  const client: Client = {
    source,
    async start() {
      await authorizationHeaders(source, timeoutMs);
    },
    callCredentials: () => createCallCredentials(source, { timeoutMs }),
    channelCredentials(transport) {
      const own = client.callCredentials();
      if (transport.kind === 'tls') return tlsCredentials(own, transport);
      return new PlaintextCredentials(own, { allowPlaintext, ...transport });
    },
    credentialsFor(url, tls) {
      if (/^unix:\/\//i.test(url)) return client.channelCredentials({ kind: 'plaintext' });
      const { protocol } = assertConfidential(/^\w+:\/\//.test(url) ? url : `https://${url}`, allowPlaintext);
      return client.channelCredentials(protocol === 'https:' ? { ...tls, kind: 'tls' } : { kind: 'plaintext' });
    },
    interceptor(transport = { kind: 'plaintext' }) {
      return createInterceptor(
        source,
        { ...(transport.kind === 'plaintext' && { allowPlaintext }), ...transport },
        timeoutMs,
      );
    },
    fetch: base => createFetch(source, { timeoutMs, allowPlaintext }, base),
    headers: () => authorizationHeaders(source, timeoutMs),
    headersFor(url) {
      assertConfidential(url, allowPlaintext);
      return client.headers;
    },
    exportCredentials: () => createExportCredentials(source, timeoutMs, 'source' in options ? undefined : correctClock),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
  return Object.freeze(client);
}

function keyFileSource(options: KeyFileOptions): CredentialSource {
  const { keyFile, renewal = typeof keyFile === 'string' ? 'auto' : false, onRenewal, now, random } = options;
  if (renewal !== 'auto' && renewal !== false) throw new TypeError("renewal must be 'auto' or false");
  const source = sourceOf(options);
  if (renewal === false) return source;
  if (typeof keyFile !== 'string') throw new TypeError('only a key file that is given by its path can be renewed');
  return autoRenewed(source, { keyFile, now, random, onRenewal });
}

function sourceOf({ exchange = false, ...options }: KeyFileOptions): CredentialSource {
  if (exchange === false) return signedSource(options);
  const { lifetimeSeconds, ...rest } = options;
  if (lifetimeSeconds !== undefined)
    throw new TypeError('lifetimeSeconds: the control plane says how long tokens live');
  return exchangedSource({ ...rest, ...(exchange === true ? {} : exchange) });
}

function correctableClock(base: () => number = Date.now) {
  let correctionMs = 0;
  return {
    now: () => base() + correctionMs,
    correctClock(serverDateMs: number): void {
      correctionMs = serverDateMs - base();
    },
  };
}
