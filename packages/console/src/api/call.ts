/** A call that the control plane refused (RFC 9457), or that did not reach it (`unreachable`). */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** Whether asking again would change nothing. */
export function isRefused(error: unknown): boolean {
  return error instanceof CallError && error.status >= 400 && error.status < 500 && error.status !== 429;
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof CallError && error.code === code;
}

type Query = Readonly<Record<string, string | number | undefined>>;

/** @throws CallError */
export function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const search = new URLSearchParams(given.map(([key, value]) => [key, String(value)]));
  return call('GET', `${path}${given.length > 0 ? `?${search}` : ''}`, undefined, signal);
}

/** @throws CallError */
export function post<T>(path: string, body?: unknown): Promise<T> {
  return call('POST', path, body);
}

/** @throws CallError */
export function remove<T>(path: string): Promise<T> {
  return call('DELETE', path);
}

async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await fetch(path, {
    method,
    credentials: 'same-origin',
    // Other pages can't send this header, and so nothing in the name of whoever is signed in.
    headers: { 'x-spanpass-console': '1', ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  }).catch(error => {
    if ((error as Error).name === 'AbortError') throw error;
    throw new CallError('unreachable', 0, 'The control plane does not answer.');
  });
  const answer = await response.json().catch(() => undefined);
  if (response.ok) return answer as T;
  const { code = 'unreachable', detail, title } = (answer ?? {}) as Record<string, string | undefined>;
  throw new CallError(code, response.status, sentence(detail ?? title ?? `status ${response.status}`));
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
