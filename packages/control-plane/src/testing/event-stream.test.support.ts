import type { Json } from './plane.test.support.ts';

export interface StreamEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: Json;
}

/** A follower of the change feed. */
export interface TestFollower extends AsyncDisposable {
  /** The next event; rejects when the stream ends. */
  next(): Promise<StreamEvent>;
  /** The next events up to one that fits, which comes last. */
  until(fits: (event: StreamEvent) => boolean): Promise<StreamEvent[]>;
  close(): void;
}

export async function followChanges(
  url: string,
  token: string,
  { since, lastEventId }: { since?: number; lastEventId?: string } = {},
): Promise<TestFollower> {
  const abort = new AbortController();
  const response = await fetch(`${url}/v1/changes${since === undefined ? '' : `?since=${since}`}`, {
    headers: { authorization: `Bearer ${token}`, ...(lastEventId && { 'last-event-id': lastEventId }) },
    signal: abort.signal,
  });
  if (response.status !== 200) throw new Error(`answered ${response.status}: ${await response.text()}`);
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) throw new Error('not an event stream');
  // Taken at once: fetch cancels a body that nobody reads when its response is garbage collected.
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const events = parse(reader);
  const next = async () => {
    const { value, done } = await events.next();
    if (done) throw new Error('the stream has ended');
    return value;
  };
  const close = () => abort.abort();
  return {
    next,
    async until(fits) {
      const seen: StreamEvent[] = [];
      for (;;) {
        const event = await next();
        seen.push(event);
        if (fits(event)) return seen;
      }
    },
    close,
    [Symbol.asyncDispose]: async () => close(),
  };
}

export function isHeartbeat(event: StreamEvent): boolean {
  return event.event === 'heartbeat';
}

async function* parse(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<StreamEvent, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return undefined;
    rest += decoder.decode(value, { stream: true });
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map(line => line.split(/: (.*)/s).slice(0, 2) as [string, string]));
      yield { id: fields.get('id'), event: fields.get('event') ?? '', data: JSON.parse(fields.get('data') ?? 'null') };
    }
  }
}
