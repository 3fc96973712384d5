import type { Endpoint } from './endpoint.ts';
import { EventStreamError, EventStreamParser, type StreamEvent } from './event-stream.ts';

/** Why a connection to the change feed ended. */
export interface FeedProblem {
  readonly code: 'unreachable' | 'refused' | 'not-a-feed' | 'malformed' | 'ended' | 'silent' | 'stalled';
  /** An errno or an HTTP status; nothing that the other side wrote. */
  readonly detail?: string;
}

export interface FeedHandlers {
  onEvent(event: StreamEvent): void;
  /** Called at most once, and never after `close`. */
  onEnd(problem: FeedProblem): void;
}

/** One connection to a change feed, from a revision on; from the current one if none is given. */
export type ConnectFeed = (since: number | undefined, handlers: FeedHandlers) => { close(): void };

/** Follows `GET /v1/changes` of a control plane. */
export function connectFeedOf(endpoint: Endpoint): ConnectFeed {
  return (since, handlers) => {
    const closing = new AbortController();
    let ended = false;
    const end = (problem: FeedProblem) => {
      if (ended || closing.signal.aborted) return;
      ended = true;
      handlers.onEnd(problem);
      closing.abort();
    };
    void follow(endpoint, since, closing.signal, handlers, end);
    return { close: () => closing.abort() };
  };
}

async function follow(
  endpoint: Endpoint,
  since: number | undefined,
  signal: AbortSignal,
  handlers: FeedHandlers,
  end: (problem: FeedProblem) => void,
): Promise<void> {
  try {
    const path = since === undefined ? '/v1/changes' : `/v1/changes?since=${since}`;
    const response = await endpoint.get(path, { accept: 'text/event-stream', signal });
    if (response.statusCode !== 200) {
      response.destroy();
      return end({ code: 'refused', detail: String(response.statusCode) });
    }
    if (!/^text\/event-stream(;|$)/i.test(response.headers['content-type'] ?? '')) {
      response.destroy();
      return end({ code: 'not-a-feed' });
    }
    const parser = new EventStreamParser();
    for await (const chunk of response) {
      for (const event of parser.push(chunk)) {
        if (signal.aborted) return;
        handlers.onEvent(event);
      }
    }
    end({ code: 'ended' });
  } catch (error) {
    if (error instanceof EventStreamError) return end({ code: 'malformed' });
    end({ code: 'unreachable', ...errnoOf(error) });
  }
}

function errnoOf(error: unknown): { detail?: string } {
  const code: unknown = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? { detail: code } : {};
}
