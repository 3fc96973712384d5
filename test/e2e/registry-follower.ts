import { setTimeout as sleep } from 'node:timers/promises';

export interface SeenChange {
  readonly revision: number;
  readonly kind: 'key' | 'piped' | 'project';
  readonly project?: string;
  readonly piped?: string;
  readonly pipedStatus?: string;
  readonly record?: {
    readonly kid: string;
    readonly piped: string;
    readonly project: string;
    readonly keyStatus: string;
  };
}

/** Follows the change feed as an auth server does, from where it was, and keeps all it was told. */
export interface RegistryFollower {
  readonly changes: readonly SeenChange[];
  readonly resets: number;
  /** Streams that it was given. */
  readonly streams: readonly { readonly url: string }[];
  /** Up to where it knows everything, as the last heartbeat said. */
  readonly known: number;
  readonly isLost: boolean;
  stop(): Promise<void>;
}

export interface FollowerOptions {
  /** Control planes; the next of them is tried where one is gone or silent. */
  readonly urls: readonly string[];
  readonly token: string;
  readonly since: number;
}

const LOST_AFTER_MS = 3_000;

export function followRegistry({ urls, token, since }: FollowerOptions): RegistryFollower {
  const changes: SeenChange[] = [];
  const streams: { url: string }[] = [];
  const end = new AbortController();
  let cursor = since;
  let known = since;
  let resets = 0;
  let connected = false;

  async function follow(url: string): Promise<void> {
    const silent = new AbortController();
    let timer = setTimeout(() => silent.abort(), LOST_AFTER_MS);
    const signal = AbortSignal.any([end.signal, silent.signal]);
    try {
      const headers = { authorization: `Bearer ${token}` };
      const response = await fetch(`${url}/v1/changes?since=${cursor}`, { headers, signal });
      if (response.status !== 200 || response.body === null) {
        await response.body?.cancel();
        return;
      }
      streams.push({ url });
      let rest = '';
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        clearTimeout(timer);
        timer = setTimeout(() => silent.abort(), LOST_AFTER_MS);
        connected = true;
        const blocks = (rest + chunk).split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) take(block);
      }
    } finally {
      connected = false;
      clearTimeout(timer);
    }
  }

  function take(block: string): void {
    const event = /^event: (.*)$/m.exec(block)?.[1];
    const data = JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? 'null') as SeenChange;
    if (event === 'heartbeat') known = data.revision;
    else cursor = data.revision;
    if (event === 'change') changes.push(data);
    if (event === 'reset') resets++;
  }

  const running = (async () => {
    for (let at = 0; !end.signal.aborted; at++) {
      await follow(urls[at % urls.length] as string).catch(() => {});
      await sleep(100, undefined, { signal: end.signal }).catch(() => {});
    }
  })();
  return {
    changes,
    streams,
    get resets() {
      return resets;
    },
    get known() {
      return known;
    },
    get isLost() {
      return !connected;
    },
    async stop() {
      end.abort();
      await running;
    },
  };
}
