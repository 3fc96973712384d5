import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeSink, FakeTable } from '../testing/feed-doubles.test.support.ts';
import { ChangeFeed, type ChangeFeedSettings } from './change-feed.ts';

describe('ChangeFeed', () => {
  let table: FakeTable;
  let now: number;
  let feed: ChangeFeed;
  const readable: (string | undefined)[] = [];

  const create = (settings: Partial<ChangeFeedSettings> = {}) => {
    feed = new ChangeFeed({
      pollMs: 500,
      heartbeatMs: 1000,
      maxFollowers: 10,
      maxBufferedBytes: 1000,
      ...settings,
      read: table.read,
      clock: () => now,
      onReadable: error => readable.push((error as Error | undefined)?.message),
    });
    feed.start(table.revision);
  };
  const follow = async (since?: number, sink = new FakeSink()) => {
    const { live, follower } = (await feed.open(since))(sink);
    await live;
    return Object.assign(sink, { follower });
  };

  beforeEach(() => {
    vi.useFakeTimers();
    table = new FakeTable();
    now = 10_000;
    readable.length = 0;
  });
  afterEach(async () => {
    await feed.close();
    vi.useRealTimers();
  });

  it('sends a backlog of many pages, and then what comes', async () => {
    table.write(1000);
    create();
    const sink = await follow(3);
    expect(sink.events).toEqual([...numbers(4, 1000), 'heartbeat 1000']);
    table.write(2);
    await feed.pump();
    expect(sink.events.slice(-3)).toEqual(['1001', '1002', 'heartbeat 1002']);
  });

  it('misses and doubles nothing that is written while a follower catches up', async () => {
    table.write(5);
    create();
    // Written after the first page was read, and already told to those who were live then.
    table.duringRead = () => {
      table.write(2);
      return feed.pump();
    };
    const sink = await follow(0);
    await feed.pump();
    expect(sink.events.filter(isChange)).toEqual(numbers(1, 7));
  });

  it('does not send twice what a follower read ahead of the others', async () => {
    create();
    const early = await follow();
    table.write(3);
    const late = await follow(0);
    expect(late.events.filter(isChange)).toEqual(numbers(1, 3));
    await feed.pump();
    expect(late.events.filter(isChange)).toEqual(numbers(1, 3));
    expect(early.events.filter(isChange)).toEqual(numbers(1, 3));
  });

  it('looks again when it was woken while it was looking', async () => {
    create();
    const sink = await follow();
    table.duringRead = () => {
      table.write();
      feed.wake();
    };
    await feed.pump();
    expect(sink.events).toContain('1');
  });

  it('looks again when it was woken in the very moment in which it ended', async () => {
    create();
    const sink = await follow();
    // One of these turns falls between the end of the look and the moment in which that is known.
    for (let turns = 0; turns < 30; turns++) {
      void feed.pump();
      for (let turn = 0; turn < turns; turn++) await null;
      table.write();
      feed.wake();
      await vi.advanceTimersByTimeAsync(0);
      expect(sink.events.filter(isChange)).toEqual(numbers(1, turns + 1));
    }
  });

  it('polls for what other replicas wrote', async () => {
    create();
    const sink = await follow();
    table.write();
    await vi.advanceTimersByTimeAsync(500);
    expect(sink.events).toContain('1');
  });

  it('beats once a second, and says up to where everything was sent', async () => {
    create();
    const sink = await follow();
    sink.events.length = 0;
    for (let half = 0; half < 6; half++) {
      now += 500;
      await vi.advanceTimersByTimeAsync(500);
    }
    expect(sink.events).toEqual(['heartbeat 0', 'heartbeat 0', 'heartbeat 0']);
  });

  it('falls silent while the database does not answer, and says so once', async () => {
    create();
    const sink = await follow();
    sink.events.length = 0;
    table.failing = true;
    for (let second = 0; second < 5; second++) {
      now += 1000;
      await feed.pump();
    }
    expect(sink.events).toEqual([]);
    expect(readable).toEqual(['the database is gone']);
    table.failing = false;
    now += 1000;
    await feed.pump();
    expect(sink.events).toEqual(['heartbeat 0']);
    expect(readable).toEqual(['the database is gone', undefined]);
  });

  it('does not call news what took long to read', async () => {
    create();
    const sink = await follow();
    sink.events.length = 0;
    now += 1000;
    table.duringRead = () => {
      now += 1001;
    };
    await feed.pump();
    expect(sink.events).toEqual([]);
  });

  it.each([
    ['compacted away', 2],
    ['in the future', 8],
  ])('says reset when what a follower knows is %s', async (_, since) => {
    table.write(7);
    table.compacted = 3;
    create();
    const sink = await follow(since);
    expect(sink.events).toEqual(['reset 7', 'heartbeat 7']);
  });

  it('serves the oldest revision that is left', async () => {
    table.write(7);
    table.compacted = 3;
    create();
    expect((await follow(3)).events).toEqual([...numbers(4, 7), 'heartbeat 7']);
  });

  it('says reset to all when the database went back in time', async () => {
    table.write(7);
    create();
    const sink = await follow();
    table.revision = 4;
    await feed.pump();
    expect(sink.events).toContain('reset 4');
    table.write();
    await feed.pump();
    expect(sink.events.at(-1)).toBe('5');
  });

  it('cuts off a follower that does not read, and goes on with the others', async () => {
    create();
    const reader = await follow();
    const stuck = await follow();
    stuck.stuck = true;
    table.write(20);
    await feed.pump();
    expect(stuck.ending).toBe('destroyed');
    expect(reader.ending).toBeUndefined();
    expect(reader.events.filter(isChange)).toEqual(numbers(1, 20));
  });

  it('waits for a follower to read a page of the backlog, but not for ever', async () => {
    table.write(450);
    create();
    const slow = new FakeSink();
    slow.stuck = true;
    const slowLive = (await feed.open(0))(slow).live;
    const never = new FakeSink();
    never.stuck = true;
    const neverLive = (await feed.open(0))(never).live;
    await vi.advanceTimersByTimeAsync(9000);
    expect(slow.events).toHaveLength(200);
    slow.readOn();
    await vi.advanceTimersByTimeAsync(1500);
    await Promise.all([slowLive, neverLive]);
    expect(slow.events.filter(isChange)).toEqual(numbers(1, 450));
    expect(never.ending).toBe('destroyed');
  });

  it('cuts off a follower whose backlog can not be read', async () => {
    table.write(450);
    create();
    const opened = await feed.open(0);
    table.failing = true;
    const sink = new FakeSink();
    await opened(sink).live;
    expect(sink.ending).toBe('destroyed');
  });

  it('takes no more followers than it may have, and one again when one has left', async () => {
    create({ maxFollowers: 1 });
    const { follower } = await follow();
    await expect(feed.open(undefined)).rejects.toMatchObject({ code: 'unavailable', retryAfterSeconds: 5 });
    feed.leave(follower);
    expect(feed.followers).toBe(0);
    await follow();
  });

  it('ends all streams when it closes, and takes no more followers', async () => {
    create();
    const sink = await follow();
    await feed.close();
    expect(sink.ending).toBe('ended');
    expect(feed.followers).toBe(0);
    await expect(feed.open(undefined)).rejects.toMatchObject({ code: 'unavailable' });
    const { reads } = table;
    await vi.advanceTimersByTimeAsync(5000);
    expect(table.reads).toBe(reads);
  });
});

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, at) => String(from + at));
}

function isChange(event: string): boolean {
  return /^\d+$/.test(event);
}
