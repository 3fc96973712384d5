import { describe, expect, it } from 'vitest';
import { createTestClock, deferred } from '../fixture.test.support.ts';
import { createSteadyClock } from './steady-clock.ts';
import { TokenBuckets } from './token-buckets.ts';
import { WorkQueue } from './work-queue.ts';

describe('createSteadyClock', () => {
  it('follows the monotonic clock, whatever the wall clock does', () => {
    const monotonic = createTestClock(1000);
    const wall = createTestClock(0);
    const clock = createSteadyClock(monotonic.now, wall.now);
    monotonic.advance(5000);
    wall.advance(-3_600_000);
    expect(clock()).toBe(6000);
    monotonic.advance(100);
    wall.advance(1050);
    expect(clock()).toBe(6100);
  });

  it('counts the time for which the machine was suspended', () => {
    const monotonic = createTestClock(0);
    const wall = createTestClock(0);
    const clock = createSteadyClock(monotonic.now, wall.now);
    wall.advance(3_600_000);
    monotonic.advance(10);
    expect(clock()).toBe(3_600_000);
    monotonic.advance(10);
    wall.advance(10);
    expect(clock()).toBe(3_600_010);
  });
});

describe('TokenBuckets', () => {
  const create = () => {
    const clock = createTestClock(0);
    const buckets = new TokenBuckets({ perSecond: 2, burst: 3, maxAddresses: 2, clock: clock.now });
    const takeAll = (address: string) => {
      let taken = 0;
      while (buckets.take(address)) taken++;
      return taken;
    };
    return { clock, buckets, takeAll };
  };

  it('gives a burst, then so many a second', () => {
    const { clock, takeAll } = create();
    expect(takeAll('192.0.2.1')).toBe(3);
    clock.advance(1000);
    expect(takeAll('192.0.2.1')).toBe(2);
    clock.advance(60_000);
    expect(takeAll('192.0.2.1')).toBe(3);
  });

  it('takes tokens back, up to the burst', () => {
    const { buckets, takeAll } = create();
    buckets.giveBack('192.0.2.1');
    expect(takeAll('192.0.2.1')).toBe(3);
    buckets.giveBack('192.0.2.1');
    expect(takeAll('192.0.2.1')).toBe(1);
  });

  it.each([
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::9', true],
    ['2001:db8::1', '2001:DB8:0:0:9:9:9:9', true],
    ['2001:db8:1:2::', '2001:db8:1:3::', false],
    ['::1', '::2', true],
    ['::ffff:192.0.2.1', '192.0.2.1', true],
    ['::ffff:192.0.2.1', '192.0.2.2', false],
    ['192.0.2.1', '192.0.2.2', false],
    ['', '', true],
  ])('%s and %s share a bucket: %s', (one, other, shared) => {
    const { takeAll } = create();
    takeAll(one);
    expect(takeAll(other)).toBe(shared ? 0 : 3);
  });

  it('refuses bounds that bound nothing', () => {
    const options = { perSecond: 1, burst: 1, maxAddresses: 1, clock: () => 0 };
    for (const name of ['perSecond', 'burst', 'maxAddresses']) {
      expect(() => new TokenBuckets({ ...options, [name]: 0 })).toThrow(name);
    }
  });
});

describe('WorkQueue', () => {
  it('runs so many at a time, in order, and says when it is full', async () => {
    const queue = new WorkQueue(1, 1);
    const gates = [deferred<string>(), deferred<string>()];
    const started: number[] = [];
    const run = (index: number) =>
      queue.run(() => {
        started.push(index);
        return gates[index]?.promise ?? Promise.resolve('');
      });
    const first = run(0);
    expect(queue.isFull).toBe(false);
    const second = run(1);
    expect([queue.isFull, started]).toEqual([true, [0]]);
    gates[0]?.reject(new Error('failed'));
    await expect(first).rejects.toThrow('failed');
    expect(started).toEqual([0, 1]);
    gates[1]?.resolve('done');
    expect(await second).toBe('done');
    expect(queue.isFull).toBe(false);
  });
});
