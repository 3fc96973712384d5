import { randomOf } from '../../harness/random.ts';
import { quantile } from '../measure/statistics.ts';
import { type ChangeLike, changeFeed, type SinkLike } from './built-parts.ts';

export interface FanOutSettings {
  readonly seed: number;
  readonly followers: number;
  /** Followers of these read no more than that. */
  readonly slow?: { readonly share: number; readonly bytesPerSecond: number };
  /** Changes each second, at random moments. */
  readonly changesPerSecond: number;
  readonly seconds: number;
  /** What it takes the replica to write one frame to one follower, and to read the table. */
  readonly writeMicros: number;
  readonly readMicros: number;
}

export interface FanOutResult {
  readonly changes: number;
  /** From a change's commit until the last follower that keeps up has it written to its connection. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Share of the replica's one core that it takes. */
  readonly busy: number;
  readonly cutOff: number;
}

const POLL_MS = 500;
const HEARTBEAT_MS = 1000;
const MAX_BUFFERED_BYTES = 1 << 20;
/** Until the network has taken what was written. */
const CHANGE_BYTES_OF_RECORD = 700;

/** The control plane's own change feed, with as many followers, on a clock that its work moves on. */
export async function fanOut(settings: FanOutSettings): Promise<FanOutResult> {
  const { followers, seconds, changesPerSecond, writeMicros, readMicros } = settings;
  const random = randomOf(settings.seed);
  let now = 0;
  let busyMs = 0;
  const work = (micros: number) => {
    now += micros / 1000;
    busyMs += micros / 1000;
  };
  const changes = changesAt(random, changesPerSecond, seconds * 1000);
  const committed = () => changes.findLastIndex(({ at }) => at.getTime() <= now) + 1;
  const feed = await changeFeed({
    // Its own timer never rings: time is ours.
    pollMs: 2 ** 30,
    heartbeatMs: HEARTBEAT_MS,
    maxFollowers: followers,
    maxBufferedBytes: MAX_BUFFERED_BYTES,
    read: async (after, limit) => {
      work(readMicros);
      const revision = committed();
      return { kind: 'page', revision, changes: changes.slice(after, Math.min(after + limit, revision)) };
    },
    clock: () => now,
    onReadable: error => {
      if (error !== undefined) throw error;
    },
  });
  feed.start(0);
  const lastAt = new Map<number, number>();
  let cutOff = 0;
  const sink = (bytesPerSecond: number): SinkLike => {
    let buffered = 0;
    let at = now;
    let isOpen = true;
    const drain = () => {
      buffered = Math.max(0, buffered - ((now - at) / 1000) * bytesPerSecond);
      at = now;
    };
    return {
      write: frame => {
        if (!isOpen) return;
        work(writeMicros);
        drain();
        buffered += frame.length;
        const revision = revisionOf(frame);
        if (revision !== undefined && bytesPerSecond === Number.POSITIVE_INFINITY) lastAt.set(revision, now);
      },
      get bufferedBytes() {
        drain();
        return buffered;
      },
      drained: async () => {},
      end: () => {
        isOpen = false;
      },
      destroy: () => {
        isOpen = false;
        cutOff++;
      },
    };
  };
  const slow = Math.round(followers * (settings.slow?.share ?? 0));
  for (let follower = 0; follower < followers; follower++) {
    const begin = await feed.open(0);
    const bytesPerSecond = follower < slow ? (settings.slow?.bytesPerSecond ?? 0) : Number.POSITIVE_INFINITY;
    await begin(sink(bytesPerSecond)).live;
  }
  [now, busyMs] = [0, 0];
  lastAt.clear();
  // It is woken by each commit and each poll, and looks once more if it was woken while it was at work.
  for (let next = 0, pollAt = POLL_MS; next < changes.length; ) {
    const wakeAt = Math.min(changes[next]?.at.getTime() ?? pollAt, pollAt);
    now = Math.max(now, wakeAt);
    await feed.pump();
    next = Math.max(next, lastAt.size);
    while (pollAt <= now) pollAt += POLL_MS;
  }
  await feed.close();
  const delays = changes.map(({ revision, at }) => (lastAt.get(revision) ?? Number.NaN) - at.getTime());
  return {
    changes: changes.length,
    p50Ms: quantile(delays, 0.5),
    p99Ms: quantile(delays, 0.99),
    maxMs: quantile(delays, 1),
    busy: busyMs / Math.max(now, seconds * 1000),
    cutOff: cutOff,
  };
}

function changesAt(random: () => number, perSecond: number, untilMs: number): readonly ChangeLike[] {
  const found: ChangeLike[] = [];
  const record = 'x'.repeat(CHANGE_BYTES_OF_RECORD);
  for (let at = 0; ; ) {
    at += (-Math.log(1 - random()) / perSecond) * 1000;
    // In whole milliseconds, as a Date has them.
    if (at >= untilMs) return found;
    found.push({ revision: found.length + 1, at: new Date(Math.ceil(at)), body: { kind: 'key', record } });
  }
}

function revisionOf(frame: Buffer): number | undefined {
  if (frame[0] !== 0x69) return undefined;
  return Number.parseInt(frame.toString('latin1', 4, 20), 10);
}
