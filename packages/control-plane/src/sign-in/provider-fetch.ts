import { IssuerError } from '@spanpass/credential/issuer';
import { bytesWithin } from '../fetch-within.ts';
import { isSafeUrl } from './options.ts';

/** Ample for a discovery document, a set of keys, or an answer with tokens. */
const MAX_BYTES = 262_144;

interface ProviderRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

/**
 * A `fetch` for what the provider is asked: within a size and a time, without redirects, and over TLS unless the
 * provider is on loopback.
 *
 * @throws IssuerError whose message holds nothing that the provider wrote
 */
export function providerFetch(issuer: string, timeoutMs: number) {
  const isPlainAllowed = new URL(issuer).protocol === 'http:';
  return async (url: string, { method = 'GET', headers = {}, body }: ProviderRequest = {}): Promise<Response> => {
    if (!isSafeUrl(url) || (new URL(url).protocol === 'http:' && !isPlainAllowed)) {
      throw new IssuerError('the identity provider leads to where nothing can be trusted');
    }
    try {
      const response = await fetch(url, {
        method,
        headers,
        ...(body !== undefined && { body: body as string | URLSearchParams }),
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
      });
      const bytes = await bytesWithin(response, MAX_BYTES);
      const type = response.headers.get('content-type');
      // A status of its own sort, such as that of a redirect, has no body that counts.
      return new Response(response.status === 204 || response.status === 304 ? null : new Uint8Array(bytes), {
        status: response.status,
        headers: type === null ? {} : { 'content-type': type },
      });
    } catch {
      throw new IssuerError('the identity provider did not answer, not in time, or with too much');
    }
  };
}
