import { expect, it } from 'vitest';
import { RateLimitedLog } from '../log.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { RecordingLog, until } from '../testing/scratch.ts';
import { FsyncGroup } from './fsync-group.ts';
import type { Segment } from './segment.ts';

class SlowSegment {
  readonly done: (() => void)[] = [];
  fail = false;

  async sync(): Promise<void> {
    await new Promise<void>(resolve => this.done.push(resolve));
    if (this.fail) throw Object.assign(new Error(), { code: 'EIO' });
  }
}

function group() {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const segment = new SlowSegment();
  const fsyncs = new FsyncGroup('/nowhere', 50, clock, new RateLimitedLog(log, clock));
  return { clock, log, segment, fsyncs, add: () => fsyncs.add(segment as unknown as Segment) };
}

it('what comes while a sync is under way waits for the next, and a flush for both, leaving no timer', async () => {
  const { clock, segment, fsyncs, add } = group();
  add();
  add();
  clock.advance(50);
  expect(segment.done).toHaveLength(1);
  add();
  let flushed = false;
  const flush = fsyncs.flush().then(() => {
    flushed = true;
  });
  segment.done[0]?.();
  await until('the second sync', () => segment.done.length === 2);
  expect(flushed).toBe(false);
  segment.done[1]?.();
  await flush;
  expect([fsyncs.fsyncs, clock.waits]).toEqual([2, []]);
});

it('a sync that fails is counted and said, and the next one is made', async () => {
  const { clock, log, segment, fsyncs, add } = group();
  segment.fail = true;
  add();
  clock.advance(50);
  segment.done[0]?.();
  await until('the failure', () => fsyncs.failures === 1);
  expect(log.lines).toEqual(['error a spool segment could not be brought to the disk: EIO']);
  add();
  expect(clock.waits).toEqual([50]);
  fsyncs.forget(segment as unknown as Segment);
});

it('flushes at a time share one sync, and none ends before it', async () => {
  const { segment, fsyncs, add } = group();
  add();
  const first = fsyncs.flush();
  await until('the first sync', () => segment.done.length === 1);
  add();
  const ended: string[] = [];
  const others = ['second', 'third'].map(name => fsyncs.flush().then(() => ended.push(name)));
  segment.done[0]?.();
  expect(await first).toBe(true);
  await until('the second sync', () => segment.done.length === 2);
  expect(ended).toEqual([]);
  segment.done[1]?.();
  await Promise.all(others);
  expect(fsyncs.fsyncs).toBe(2);
});

it('a flush says when the disk failed', async () => {
  const { segment, fsyncs, add } = group();
  segment.fail = true;
  add();
  const flush = fsyncs.flush();
  await until('the sync', () => segment.done.length === 1);
  segment.done[0]?.();
  expect(await flush).toBe(false);
});
