import { describe, expect, it } from 'vitest';
import { createFeed, createLiveFeed, disable } from './change-feed.test.support.ts';

describe('a change feed that begins', () => {
  it('asks for what comes from now on, and is believed from the first heartbeat', () => {
    const { feed, latest, heartbeat, freshness } = createFeed();
    expect(feed.freshness()).toBe('unproven');
    feed.start();
    expect(latest().since).toBeUndefined();
    expect([feed.freshness(), feed.revision]).toEqual(['unproven', undefined]);
    heartbeat(10);
    expect([feed.freshness(), feed.revision]).toEqual(['live', 10]);
    expect(freshness).toEqual(['live']);
  });

  it('does not take the time before its start for a stall', () => {
    const { feed, connections, stop, pass } = createFeed();
    stop(60_000);
    expect(feed.freshness()).toBe('unproven');
    expect(connections).toHaveLength(0);
    feed.start();
    pass(500);
    expect([connections.length, feed.generation]).toEqual([1, 0]);
  });

  it('goes stale if it never becomes live', () => {
    const { feed, pass, latest } = createFeed();
    feed.start();
    latest().handlers.onEnd({ code: 'unreachable' });
    pass(900_000);
    expect(feed.freshness()).toBe('unproven');
    pass(100);
    expect(feed.freshness()).toBe('stale');
  });

  it('hands on changes that come before the first heartbeat', () => {
    const { feed, change, seen } = createFeed();
    feed.start();
    change(disable(9));
    expect([seen, feed.revision]).toEqual([[9], undefined]);
  });
});

describe('a live feed', () => {
  it('hands on changes and moves on with them and with heartbeats', () => {
    const { feed, change, heartbeat, seen } = createLiveFeed(10);
    change(disable(11));
    expect([seen, feed.revision]).toEqual([[11], 11]);
    heartbeat(15);
    change(disable(12));
    expect([seen, feed.revision]).toEqual([[11, 12], 15]);
  });

  it('ignores kinds of events that it does not know', () => {
    const { feed, send, seen } = createLiveFeed();
    send('greeting', 'hello');
    expect([seen, feed.freshness()]).toEqual([[], 'live']);
  });

  it('is lost after 3 s of silence, and reconnects from where it was', () => {
    const { feed, pass, connections, problems, latest } = createLiveFeed(10);
    pass(3000);
    expect(feed.freshness()).toBe('live');
    pass(100);
    expect([feed.freshness(), problems]).toEqual(['aging', ['silent']]);
    expect(connections[0]?.open).toBe(false);
    pass(100);
    expect(connections).toHaveLength(2);
    expect(latest().since).toBe(10);
  });

  it('is not kept alive by what is no event of the control plane', () => {
    const { feed, pass, send } = createLiveFeed();
    for (let second = 0; second < 4; second++) {
      pass(1000);
      send('greeting', 'hello');
    }
    expect(feed.freshness()).toBe('aging');
  });

  it('ages even if nothing ticks', () => {
    const { feed, latest } = createLiveFeed();
    latest().handlers.onEnd({ code: 'ended' });
    expect(feed.freshness()).toBe('aging');
  });
});

describe('a lost feed', () => {
  it('serves for maxStaleMs from the last heartbeat, and not longer', () => {
    const { feed, pass, freshness } = createLiveFeed();
    pass(900_000);
    expect(feed.freshness()).toBe('aging');
    pass(100);
    expect(feed.freshness()).toBe('stale');
    expect(freshness).toEqual(['live', 'aging', 'stale']);
  });

  it('is not young again because of a part of the backlog: what is missing may be at its end', () => {
    const { feed, pass, change, connections, latest } = createLiveFeed(10);
    for (let attempt = 0; feed.freshness() !== 'stale'; attempt++) {
      const before = connections.length;
      while (connections.length === before) pass(100);
      change(disable(11 + attempt));
      latest().handlers.onEnd({ code: 'ended' });
      expect(attempt).toBeLessThan(1000);
    }
    expect(feed.lagMs).toBeGreaterThan(900_000);
  });

  it('is live again with the heartbeat behind the backlog', () => {
    const { feed, pass, latest, change, heartbeat, seen } = createLiveFeed(10);
    latest().handlers.onEnd({ code: 'ended' });
    pass(200);
    expect(latest().since).toBe(10);
    change(disable(11));
    expect([feed.freshness(), seen]).toEqual(['aging', [11]]);
    heartbeat(11);
    expect([feed.freshness(), feed.lagMs]).toEqual(['live', 0]);
  });

  it('tries again after ever longer pauses, up to 2 s, and from the start once it was live', () => {
    const { pass, latest, connections, clock, heartbeat } = createLiveFeed();
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 7; attempt++) {
      const before = connections.length;
      const lostAt = clock.now();
      latest().handlers.onEnd({ code: 'unreachable' });
      while (connections.length === before) pass(100);
      pauses.push(clock.now() - lostAt);
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 2000, 2000]);
    heartbeat(10);
    latest().handlers.onEnd({ code: 'unreachable' });
    const before = connections.length;
    pass(100);
    expect(connections.length).toBe(before + 1);
  });

  it('hears nothing from a connection that it gave up', () => {
    const { feed, pass, connections, seen } = createLiveFeed();
    pass(3200);
    const [old] = connections;
    old?.handlers.onEvent({ type: 'heartbeat', data: '{"revision":99}', lastEventId: '' });
    old?.handlers.onEnd({ code: 'ended' });
    expect([feed.freshness(), feed.revision, seen, connections.length]).toEqual(['aging', 10, [], 2]);
  });
});

describe('a process that stood still', () => {
  it('believes nothing at hand until the heartbeat of a new connection', async () => {
    const { feed, stop, connections, latest, heartbeat, change, seen } = createLiveFeed(10);
    stop(1001);
    expect(feed.freshness()).toBe('catching-up');
    expect(connections.map(({ open }) => open)).toEqual([false, true]);
    expect(latest().since).toBe(10);
    const caughtUp = feed.caughtUp();
    change(disable(11));
    expect(feed.freshness()).toBe('catching-up');
    heartbeat(11);
    await caughtUp;
    expect([feed.freshness(), seen]).toEqual(['live', [11]]);
  });

  it('does not take what lay in its socket for the present', () => {
    const { feed, stop, connections, seen } = createLiveFeed(10);
    stop(5000);
    const [old] = connections;
    old?.handlers.onEvent({ type: 'heartbeat', data: '{"revision":10}', lastEventId: '' });
    expect([feed.freshness(), seen, connections.length]).toEqual(['catching-up', [], 2]);
  });

  it('notices by its timer as well, and lets lookups that were under way know', () => {
    const { feed, stop, problems } = createLiveFeed();
    const { generation } = feed;
    stop(1001);
    feed.tick();
    expect([feed.freshness(), problems, feed.generation]).toEqual(['catching-up', ['stalled'], generation + 1]);
  });

  it('falls back on the rule for a lost feed if the control plane is out of reach', async () => {
    const { feed, stop, latest } = createLiveFeed();
    stop(10_000);
    feed.tick();
    const caughtUp = feed.caughtUp();
    latest().handlers.onEnd({ code: 'unreachable' });
    await caughtUp;
    expect(feed.freshness()).toBe('aging');
  });

  it('and if it does not answer', () => {
    const { feed, stop, pass } = createLiveFeed();
    stop(10_000);
    pass(3000);
    expect(feed.freshness()).toBe('catching-up');
    pass(200);
    expect(feed.freshness()).toBe('aging');
  });

  it('is stale if it stood still for longer than maxStaleMs and the control plane is out of reach', () => {
    const { feed, stop, latest } = createLiveFeed();
    stop(900_001);
    feed.tick();
    latest().handlers.onEnd({ code: 'unreachable' });
    expect(feed.freshness()).toBe('stale');
  });
});

describe('a feed that can not go on from where it was', () => {
  it('drops everything at a reset and goes on from there, even backwards', () => {
    const { feed, send, heartbeat, seen } = createLiveFeed(10);
    const { generation } = feed;
    send('reset', { revision: 3 });
    expect([seen, feed.revision, feed.generation]).toEqual([['reset'], 3, generation + 1]);
    heartbeat(3);
    expect(feed.freshness()).toBe('live');
  });

  it('takes a heartbeat from the past for a reset', () => {
    const { feed, heartbeat, seen } = createLiveFeed(10);
    heartbeat(9);
    expect([seen, feed.revision]).toEqual([['reset'], 9]);
  });

  it('drops everything at a change that it does not understand, and goes on behind it', () => {
    const { feed, send, seen } = createLiveFeed(10);
    send('change', { kind: 'tenant', revision: 11 }, '11');
    expect([seen, feed.revision, feed.freshness()]).toEqual([['reset'], 11, 'live']);
  });

  it.each([
    ['heartbeat', 'x', ''],
    ['reset', '{}', ''],
    ['change', 'x', ''],
    ['change', 'x', '1e3'],
  ])('starts over, knowing nothing, at an unreadable %s (%j, id %j)', (type, data, id) => {
    const { feed, send, seen, problems, pass, latest } = createLiveFeed(10);
    send(type, data, id);
    expect([seen, problems, feed.freshness(), feed.revision]).toEqual([
      ['reset'],
      ['malformed'],
      'unproven',
      undefined,
    ]);
    pass(200);
    expect(latest().since).toBeUndefined();
  });
});

describe('a closed feed', () => {
  it('stays closed', async () => {
    const { feed, pass, stop, connections, freshness } = createLiveFeed();
    stop(2000);
    feed.tick();
    const caughtUp = feed.caughtUp();
    feed.close();
    await caughtUp;
    stop(5000);
    pass(5000);
    expect(feed.freshness()).toBe('closed');
    expect(connections.map(({ open }) => open)).toEqual([false, false]);
    expect(freshness.at(-1)).toBe('closed');
  });
});
