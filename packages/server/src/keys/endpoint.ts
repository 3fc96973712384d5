import http from 'node:http';
import https from 'node:https';
import { isLoopbackHost } from '@spanpass/credential';

export interface EndpointOptions {
  /** The control plane's base URL. `https:`, or `http:` on loopback; `http://127.0.0.1:9085` by default. */
  readonly url?: string | URL;
  /** Bearer token of the role `auth-server`. Secret. */
  readonly token: string;
  /** For `https:`: the certificates to trust, and this server's own certificate where the control plane asks for one. PEM. */
  readonly tls?: { readonly ca?: string | Buffer; readonly cert?: string | Buffer; readonly key?: string | Buffer };
}

/** Asks the control plane. Redirects are answers like any other: the token goes nowhere else. */
export interface Endpoint {
  get(path: string, options: { readonly accept: string; readonly signal: AbortSignal }): Promise<http.IncomingMessage>;
  /** For questions that are too long for a URL: like a `get`, it may be sent twice. */
  post(path: string, body: unknown, options: { readonly signal: AbortSignal }): Promise<http.IncomingMessage>;
  close(): void;
}

/**
 * Who spoofs the control plane owns the gateway: plaintext is refused beyond loopback.
 *
 * @throws TypeError if the URL is no `https:` (or loopback `http:`) URL, carries a user, a query or a fragment, or the
 *   token can't be sent in a header
 */
export function createEndpoint({ url = 'http://127.0.0.1:9085', token, tls = {} }: EndpointOptions): Endpoint {
  const base = new URL(url);
  const secure = base.protocol === 'https:';
  if (!secure && base.protocol !== 'http:') throw new TypeError('the control plane URL must be https: or http:');
  if (!secure && !isLoopbackHost(base.hostname)) throw new TypeError('the control plane beyond loopback needs https:');
  if (base.username || base.password || base.search || base.hash) {
    throw new TypeError('the control plane URL must hold no user, query or fragment');
  }
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new TypeError('the control plane token must be printable ASCII, and not empty');
  const agent = secure ? new https.Agent({ keepAlive: true, ...tls }) : new http.Agent({ keepAlive: true });
  const prefix = base.pathname.replace(/\/+$/, '');
  const ask = (path: string, method: string, more: Record<string, string>, signal: AbortSignal, body?: Buffer) => {
    const target = new URL(prefix + path, base);
    const headers = { ...more, authorization: `Bearer ${token}` };
    return send(() => (secure ? https : http).request(target, { method, agent, headers, signal }).end(body));
  };
  return {
    get: (path, { accept, signal }) => ask(path, 'GET', { accept }, signal),
    post(path, value, { signal }) {
      const body = Buffer.from(JSON.stringify(value));
      const headers = { 'content-type': 'application/json', 'content-length': String(body.length) };
      return ask(path, 'POST', headers, signal, body);
    },
    close: () => agent.destroy(),
  };
}

/** A kept connection may be closed by the other side just as it is used again; only then is a request sent twice. */
function send(ask: () => http.ClientRequest): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = ask();
    request.on('response', resolve);
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (request.reusedSocket && error.code === 'ECONNRESET') resolve(send(ask));
      else reject(error);
    });
  });
}
