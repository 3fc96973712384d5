import { context, createContextKey } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { isTracingSuppressed } from '@opentelemetry/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../testing/scratch.ts';
import { ACCEPTED } from '../testing/scripted-transport.ts';
import { DENIED, range, SenderBench, UNAVAILABLE } from '../testing/sender-bench.ts';
import type { Outcome } from './outcome.ts';

let bench: SenderBench;
beforeEach(() => {
  bench = new SenderBench();
});
afterEach(async () => {
  expect(await bench.close()).toEqual([]);
  await bench[Symbol.asyncDispose]();
});

describe('batches', () => {
  it('a full batch goes at once, one that is not full when it has waited', async () => {
    bench.start({ maxBatchRecords: 10, lingerMs: 1_000 });
    bench.append(1, 25);
    await bench.requests(2);
    expect(bench.transport.sizes).toEqual([10, 10]);
    await until('it lingers', () => bench.clock.waits.includes(1_000));
    bench.clock.advance(999);
    expect(bench.transport.requests).toHaveLength(2);
    bench.clock.advance(1);
    await bench.requests(3);
    expect(bench.transport.requests.flatMap(request => request.texts)).toEqual(range(1, 25));
    await bench.idle();
    expect(bench.sender?.stats()).toMatchObject({ sent: { records: 25, items: 25 }, requests: 3, failures: 0 });
  });

  it('a lingering batch goes as soon as it is full', async () => {
    bench.start({ maxBatchRecords: 10 });
    bench.append(1, 9);
    await until('it lingers', () => bench.clock.waits.includes(1_000));
    expect(bench.transport.requests).toHaveLength(0);
    bench.append(10);
    await bench.requests(1);
    expect(bench.transport.sizes).toEqual([10]);
  });

  it('signals go side by side', async () => {
    bench.transport.answer = ({ kind }) => (kind === 'metrics' ? DENIED : ACCEPTED);
    bench.start({ lingerMs: 0 });
    bench.spool.append('metrics', Buffer.from('m;'));
    bench.spool.append('traces', Buffer.from('t;'));
    await until('traces arrive', () => bench.spool.pending('traces').records === 0);
    await until('metrics wait', () => bench.sender?.state('metrics').kind === 'waiting');
    expect(bench.spool.pending('metrics').records).toBe(1);
  });

  it('what a process before left is sent without a new append', async () => {
    bench.append(1, 3);
    await bench.reopenSpool();
    bench.start({ lingerMs: 0 });
    await bench.spool.keepHouse();
    bench.clock.advance(0);
    await bench.idle();
    expect(bench.transport.requests).toEqual([{ kind: 'traces', texts: ['1', '2', '3'] }]);
  });

  it('requests are not traced, and see no context of whoever appended', async () => {
    const manager = new AsyncLocalStorageContextManager().enable();
    context.setGlobalContextManager(manager);
    try {
      const key = createContextKey('test');
      let seen: unknown[] = [];
      bench.transport.answer = () => {
        seen = [isTracingSuppressed(context.active()), context.active().getValue(key)];
        return ACCEPTED;
      };
      bench.start({ lingerMs: 0, maxBatchRecords: 1 });
      context.with(context.active().setValue(key, 'secret'), () => bench.append(1));
      await bench.requests(1);
      expect(seen).toEqual([true, undefined]);
    } finally {
      context.disable();
    }
  });
});

describe('partial success', () => {
  it('is counted and said, and nothing is sent again', async () => {
    bench.transport.answer = () => ({ kind: 'accepted', rejectedItems: 2, message: 'too old' });
    bench.start({ maxBatchRecords: 3 });
    bench.append(1, 3);
    await bench.idle();
    expect(bench.transport.requests).toHaveLength(1);
    expect(bench.sender?.stats()).toMatchObject({ rejectedByReceiver: 2, sent: { items: 3 } });
    expect(bench.log.containing('too old (2)')).toHaveLength(1);
  });
});

describe('flush', () => {
  it('sends what is pending without waiting for more, and then is done', async () => {
    bench.start();
    bench.append(1, 3);
    await bench.sender?.flush({ timeoutMs: 1_000 });
    expect(bench.transport.sizes).toEqual([3]);
    expect(bench.spool.stats().pending.records).toBe(0);
  });

  it('with nothing pending is done at once', async () => {
    await bench.start().flush();
  });

  it("cuts the sender's own back-off short, and gives up when the next try would come too late", async () => {
    bench.transport.answer = () => UNAVAILABLE;
    bench.start({ maxBatchRecords: 1, initialBackoffMs: 60_000, maxBackoffMs: 60_000 });
    bench.append(1);
    await bench.waitsFor(UNAVAILABLE.reason);
    await bench.sender?.flush({ timeoutMs: 5_000 });
    expect(bench.transport.requests).toHaveLength(2);
    bench.transport.answer = () => ACCEPTED;
    await bench.sender?.flush({ timeoutMs: 5_000 });
    expect(bench.spool.stats().pending.records).toBe(0);
  });

  it('does not cut short what the server asked for', async () => {
    bench.transport.answer = () => ({ ...UNAVAILABLE, afterMs: 60_000 }) as Outcome;
    bench.start({ maxBatchRecords: 1 });
    bench.append(1);
    await bench.waitsFor(UNAVAILABLE.reason);
    await bench.sender?.flush({ timeoutMs: 5_000 });
    expect(bench.transport.requests).toHaveLength(1);
  });

  it('ends at its time when the receiver hangs', async () => {
    bench.transport.answer = (_, signal) =>
      new Promise(resolve => signal.addEventListener('abort', () => resolve(UNAVAILABLE)));
    bench.start({ maxBatchRecords: 1 });
    bench.append(1);
    await bench.requests(1);
    const flushed = bench.sender?.flush({ timeoutMs: 5_000 });
    bench.clock.advance(5_000);
    await flushed;
    expect(bench.spool.stats().pending.records).toBe(1);
  });

  it('two at once both end', async () => {
    bench.start();
    bench.append(1, 3);
    await Promise.all([bench.sender?.flush(), bench.sender?.flush()]);
    expect(bench.spool.stats().pending.records).toBe(0);
  });
});

describe('stop', () => {
  it('ends a request under way, keeps its records, and closes the transport', async () => {
    bench.transport.answer = (_, signal) =>
      new Promise(resolve => signal.addEventListener('abort', () => resolve(UNAVAILABLE)));
    bench.start({ maxBatchRecords: 1 });
    bench.append(1);
    await bench.requests(1);
    await bench.sender?.stop();
    expect(bench.transport.closed).toBe(true);
    expect(bench.sender?.state('traces')).toEqual({ kind: 'stopped' });
    expect(bench.spool.stats().pending.records).toBe(1);
  });

  it('ends a wait', async () => {
    bench.transport.answer = () => DENIED;
    bench.start({ maxBatchRecords: 1 });
    bench.append(1);
    await bench.waitsFor('gRPC PERMISSION_DENIED');
    await bench.sender?.stop();
  });
});

it('a transport that throws is a receiver that fails', async () => {
  bench.transport.answer = () => {
    throw new TypeError('bug');
  };
  bench.start({ maxBatchRecords: 1 });
  bench.append(1);
  await bench.waitsFor('the transport failed');
  expect(bench.spool.pending('traces').records).toBe(1);
});

it.each([
  ['maxBatchRecords', 0],
  ['maxBatchBytes', 1.5],
  ['lingerMs', -1],
  ['initialBackoffMs', 0],
  ['maxBackoffMs', 499],
  ['slowRetryMs', Number.NaN],
  ['maxServerWaitMs', Number.POSITIVE_INFINITY],
  ['maxDeadLetterBytes', -1],
])('does not start with %s %d', (name, value) => {
  expect(() => bench.start({ [name]: value })).toThrow(TypeError);
  expect(() => bench.start({ [name]: value })).toThrow(name);
});
