import { describe, expect, it } from 'vitest';
import { fanOut } from './fan-out.ts';
import { coldStorm } from './storm.ts';
import { Station, VirtualTime } from './virtual-time.ts';

describe('virtual time', () => {
  it('runs what was planned in its order, and lets promises have their effects in between', async () => {
    const time = new VirtualTime();
    const ran: string[] = [];
    for (const [ms, name] of [
      [20, 'c'],
      [10, 'a'],
      [10, 'b'],
      [30, 'd'],
    ] as const) {
      time.after(ms, () => {
        ran.push(`${name}@${time.now}`);
        void Promise.resolve().then(() => ran.push(`after ${name}`));
      });
    }
    await time.runUntil(25);
    expect(ran).toEqual(['a@10', 'after a', 'b@10', 'after b', 'c@20', 'after c']);
    expect(time.now).toBe(25);
  });

  it('has stations that serve one after the other', async () => {
    const time = new VirtualTime();
    const ends: number[] = [];
    const station = new Station(time, 2);
    for (const ms of [10, 10, 5, 5]) station.serve(ms, () => ends.push(time.now));
    expect(station.waitMs).toBe(15);
    await time.runUntil(100);
    expect(ends).toEqual([10, 10, 15, 15]);
    expect(station.busyMs).toBe(30);
  });
});

const storm = {
  seed: 1,
  pipeds: 2000,
  serversAtOnce: 1,
  replicas: 1,
  warmMicros: 50,
  coldMicros: 400,
  askMicros: 200,
  lookupMicros: 200,
};

describe('a cold storm', () => {
  it('is over when the last piped has come for the first time, where there is room for all', async () => {
    const { seconds, refused, lookups, p99Ms } = await coldStorm(storm);
    expect(seconds).toBeGreaterThan(4.9);
    expect(seconds).toBeLessThan(5.1);
    expect({ refused, lookups }).toEqual({ refused: 0, lookups: 2000 });
    expect(p99Ms).toBeLessThan(20);
  });

  it('lasts as long as the replicas take for its look-ups, and refuses meanwhile, when they are slower than it comes', async () => {
    const slow = { ...storm, lookupMicros: 10_000 };
    const { seconds, refused, refusedPipeds, lookups } = await coldStorm(slow);
    expect(seconds).toBeGreaterThan(20);
    expect(refused).toBeGreaterThan(1000);
    // Nobody is kept waiting for longer than a check may take: who has come again may be refused again.
    expect(refused).toBeGreaterThan(refusedPipeds * 1.2);
    expect(lookups).toBe(2000);
    const more = await coldStorm({ ...slow, replicas: 4 });
    expect(more.seconds).toBeLessThan(seconds / 2);
    expect(more.refused).toBeLessThan(refused);
  });

  it('is the same for the same seed', async () => {
    const busy = { ...storm, lookupMicros: 5000 };
    expect(await coldStorm(busy)).toEqual(await coldStorm(busy));
    expect(await coldStorm(busy)).not.toEqual(await coldStorm({ ...busy, seed: 2 }));
  });
});

const feed = { seed: 1, followers: 100, changesPerSecond: 5, seconds: 20, writeMicros: 20, readMicros: 500 };

describe('the change feed before many followers', () => {
  it('reaches the last of them after as long as it takes to write to all', async () => {
    const { changes, p50Ms, maxMs, cutOff } = await fanOut(feed);
    expect(changes).toBeGreaterThan(70);
    // A read and a hundred writes.
    expect(p50Ms).toBeCloseTo(2.5, 0);
    expect(maxMs).toBeLessThan(50);
    expect(cutOff).toBe(0);
  });

  it('falls behind when changes come faster than they can be written to all', async () => {
    const { p99Ms, busy } = await fanOut({ ...feed, followers: 1000, changesPerSecond: 100 });
    expect(busy).toBeGreaterThan(0.95);
    expect(p99Ms).toBeGreaterThan(5000);
  });

  it('cuts off who reads too slowly, and lets nobody else wait for it', async () => {
    const slow = { share: 0.1, bytesPerSecond: 100 };
    const { cutOff, p99Ms } = await fanOut({ ...feed, changesPerSecond: 50, seconds: 60, slow });
    expect(cutOff).toBe(10);
    expect(p99Ms).toBeLessThan(50);
  });
});
