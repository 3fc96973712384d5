import http from 'node:http';
import https from 'node:https';
import { isLoopbackHost, parseStrictObject } from '@spanpass/credential';
import { IssuerError } from '@spanpass/credential/issuer';

export interface FetchJsonOptions {
  /** How long an answer may take, in milliseconds. */
  readonly timeoutMs: number;
  /** The longest answer that is read, in bytes. */
  readonly maxBytes: number;
  /** Certificates to trust, PEM. Default: those that Node trusts. */
  readonly ca?: string | Buffer;
}

/**
 * Reads a JSON object from an issuer. Redirects are not followed: keys come from where the configuration says.
 *
 * @throws IssuerError, or what node:http throws
 */
export async function fetchJson(
  url: URL,
  { timeoutMs, maxBytes, ca }: FetchJsonOptions,
): Promise<Record<string, unknown>> {
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await get(url, { agent: false, headers: { accept: 'application/json' }, signal, ...(ca && { ca }) });
  if (response.statusCode !== 200) {
    response.destroy();
    throw new IssuerError(`the issuer answered ${response.statusCode}`);
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    length += chunk.length;
    if (length > maxBytes) throw new IssuerError('the answer of the issuer is too large');
    chunks.push(chunk);
  }
  try {
    return parseStrictObject(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch {
    throw new IssuerError('the answer of the issuer is not a JSON object');
  }
}

/** Whether keys may come from there: whoever spoofs them owns the gateway, so plaintext is for loopback only. */
export function isSafe(url: URL): boolean {
  const plain = url.protocol === 'http:' && isLoopbackHost(url.hostname);
  return (plain || url.protocol === 'https:') && url.username === '' && url.password === '';
}

function get(url: URL, options: https.RequestOptions): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    (url.protocol === 'https:' ? https : http).get(url, options, resolve).on('error', reject);
  });
}
