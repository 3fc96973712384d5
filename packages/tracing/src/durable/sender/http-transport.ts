import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { type AgentOptions, Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { wholeNumber } from '../check.ts';
import { SIGNAL_KINDS, SIGNALS, type SignalKind } from '../signals.ts';
import { outcomeOfHttpAnswer } from './http-outcome.ts';
import { type Outcome, oneLine } from './outcome.ts';
import { assertConfidential, isLoopbackHost } from './peer.ts';
import {
  authorizationOf,
  CredentialUnavailable,
  type ExportCredentials,
  headersWithin,
  type Transport,
} from './transport.ts';

export interface HttpTransportOptions {
  /** A base URL, to which `/v1/traces` and its like are added, or whole URLs by signal. */
  readonly endpoint: string | Readonly<Partial<Record<SignalKind, string>>>;
  readonly credentials?: ExportCredentials | undefined;
  /** Sent with each request, beside the credentials. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** For one request as a whole. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  readonly compression?: 'none' | 'gzip' | undefined;
  /** Roots, client certificate and so on, for https. */
  readonly tls?: Pick<AgentOptions, 'ca' | 'cert' | 'key' | 'servername'> | undefined;
  /** Lets credentials leave this machine unencrypted. Default false. */
  readonly allowPlaintext?: boolean | undefined;
}

const MAX_ANSWER_BYTES = 64 * 1024;
const gzipped = promisify(gzip);

/**
 * OTLP/HTTP with protobuf bodies. Redirects are not followed.
 *
 * @throws TypeError for options that are not usable, or that would send a secret in the clear
 */
export function httpTransport(options: HttpTransportOptions): Transport {
  return new HttpTransport(options);
}

class HttpTransport implements Transport {
  readonly peer: string;
  readonly #urls: ReadonlyMap<SignalKind, URL>;
  readonly #credentials: ExportCredentials;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;
  readonly #compress: boolean;
  readonly #plainAgent = new Agent({ keepAlive: true });
  readonly #tlsAgent: HttpsAgent;

  constructor(options: HttpTransportOptions) {
    const { credentials = {}, headers = {}, allowPlaintext = false } = options;
    this.#urls = urlsOf(options.endpoint);
    this.#credentials = credentials;
    this.#headers = headers;
    const hasSecret = !!credentials.headers || authorizationOf(headers) !== undefined;
    for (const url of this.#urls.values()) {
      const confidential = url.protocol === 'https:' || isLoopbackHost(url.hostname) || allowPlaintext;
      assertConfidential(url.host, confidential, hasSecret);
    }
    this.peer = [...new Set([...this.#urls.values()].map(url => url.origin))].join(', ');
    this.#timeoutMs = wholeNumber('timeoutMs', options.timeoutMs ?? 10_000, 1, 600_000);
    this.#compress = options.compression === 'gzip';
    this.#tlsAgent = new HttpsAgent({ keepAlive: true, ...options.tls });
  }

  async send(kind: SignalKind, payload: Buffer, signal: AbortSignal): Promise<Outcome> {
    const url = this.#urls.get(kind);
    if (!url) return { kind: 'failed', reason: 'no endpoint', message: `none is configured for ${kind}` };
    const limit = AbortSignal.any([signal, AbortSignal.timeout(this.#timeoutMs)]);
    try {
      const body = this.#compress ? await gzipped(payload) : payload;
      const headers = {
        ...this.#headers,
        ...(await headersWithin(this.#timeoutMs, this.#credentials, limit)),
        'content-type': 'application/x-protobuf',
        ...(this.#compress && { 'content-encoding': 'gzip' }),
        'content-length': String(body.length),
      };
      return await this.#post(url, headers, body, limit);
    } catch (error) {
      if (error instanceof CredentialUnavailable) return retry('no credential', error.message);
      return retry(limit.aborted ? 'no answer in time' : 'no answer', codeOf(error));
    }
  }

  close(): void {
    this.#plainAgent.destroy();
    this.#tlsAgent.destroy();
  }

  async #post(url: URL, headers: Record<string, string>, body: Buffer, signal: AbortSignal): Promise<Outcome> {
    const tls = url.protocol === 'https:';
    const options = { method: 'POST', headers, signal, agent: tls ? this.#tlsAgent : this.#plainAgent };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = (tls ? httpsRequest : httpRequest)(url, options, resolve);
      request.on('error', reject);
      request.end(body);
    });
    const { socket } = response;
    const answer = {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: await bodyOf(response),
      peerIsTrusted: socket instanceof TLSSocket ? socket.authorized : isLoopbackHost(url.hostname),
      authorization: authorizationOf(headers),
    };
    return outcomeOfHttpAnswer(answer, Date.now());
  }
}

/** What is longer than any honest answer is cut, and its connection with it. */
async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES);
}

function urlsOf(endpoint: HttpTransportOptions['endpoint']): Map<SignalKind, URL> {
  const urls = new Map<SignalKind, URL>();
  for (const kind of SIGNAL_KINDS) {
    const text =
      typeof endpoint === 'string' ? `${endpoint.replace(/\/+$/, '')}${SIGNALS[kind].httpPath}` : endpoint[kind];
    if (text === undefined) continue;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url || !['http:', 'https:'].includes(url.protocol)) {
      throw new TypeError('endpoint must be an http: or https: URL');
    }
    urls.set(kind, url);
  }
  if (urls.size === 0) throw new TypeError('endpoint must name at least one URL');
  return urls;
}

function retry(reason: string, message: string): Outcome {
  return { kind: 'retry', reason, message: oneLine(message) };
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : 'the connection failed';
}
