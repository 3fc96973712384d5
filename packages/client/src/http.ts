import type { CredentialSource } from './contract.ts';
import { authorizationTwice } from './errors.ts';
import { assertConfidential } from './loopback.ts';
import { boundedCredential } from './time-bound.ts';

export interface HttpOptions {
  readonly timeoutMs: number;
  readonly allowPlaintext: boolean;
}

/**
 * A `fetch` that attaches the source's credential to each request. It follows no redirects: the answer that redirects is
 * returned, so the credential goes only where the caller sent it. After a 401 the credential is invalidated, and the
 * request sent once more with a new one, if there is a new one and the body can be sent twice.
 */
export function createFetch(source: CredentialSource, options: HttpOptions, base?: typeof fetch): typeof fetch {
  return async (input, init) => {
    const request = input instanceof Request ? input : undefined;
    assertConfidential(request?.url ?? (input as string | URL), options.allowPlaintext);
    const headers = new Headers(init?.headers ?? request?.headers);
    if (headers.has('authorization')) throw authorizationTwice();
    const signal = init?.signal ?? request?.signal;
    const redirect = (init?.redirect ?? request?.redirect) === 'error' ? 'error' : 'manual';

    const send = (token: string) => {
      headers.set('authorization', `Bearer ${token}`);
      // Looked up on each request, since instrumentation and tests replace it.
      return (base ?? globalThis.fetch)(input, { ...init, headers, redirect });
    };

    const used = await boundedCredential(source, options.timeoutMs, signal);
    const response = await send(used);
    if (response.status !== 401) return response;
    source.invalidate(used);
    if (!isReplayable(init?.body ?? request?.body)) return response;
    const fresh = await boundedCredential(source, options.timeoutMs, signal).catch(() => used);
    if (fresh === used) return response;
    await response.body?.cancel();
    const answer = await send(fresh);
    if (answer.status === 401) source.invalidate(fresh);
    return answer;
  };
}

export async function authorizationHeaders(source: CredentialSource, timeoutMs: number) {
  return { authorization: `Bearer ${await boundedCredential(source, timeoutMs)}` };
}

/** A stream is spent by the first sending; everything else that fetch takes can be read again. */
function isReplayable(body: unknown): boolean {
  return (
    body === undefined ||
    body === null ||
    typeof body === 'string' ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof Blob ||
    body instanceof URLSearchParams ||
    body instanceof FormData
  );
}
