import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../testing/scratch.ts';
import { ACCEPTED } from '../testing/scripted-transport.ts';
import { DENIED, SenderBench, UNAUTHENTICATED, UNAVAILABLE } from '../testing/sender-bench.ts';
import type { Outcome } from './outcome.ts';
import type { ExportCredentials } from './transport.ts';

let bench: SenderBench;
beforeEach(() => {
  bench = new SenderBench();
});
afterEach(async () => {
  expect(await bench.close()).toEqual([]);
  await bench[Symbol.asyncDispose]();
});

describe('retryable refusals', () => {
  it('are tried again, ever later, to a bound, with the same records and those that came meanwhile', async () => {
    bench.transport.answer = () => UNAVAILABLE;
    bench.start({ maxBatchRecords: 1, initialBackoffMs: 1_000, maxBackoffMs: 5_000 });
    bench.append(1);
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 5; attempt++) {
      await bench.requests(attempt);
      await until('it waits', () => bench.clock.waits.length > 1);
      const wait = Math.max(...bench.clock.waits);
      waits.push(wait);
      if (attempt === 5) bench.transport.answer = () => ACCEPTED;
      bench.clock.advance(wait - 1);
      expect(bench.transport.requests).toHaveLength(attempt);
      bench.clock.advance(1);
    }
    await bench.idle();
    expect(waits).toEqual([750, 1_500, 3_000, 3_750, 3_750]);
    expect(bench.transport.requests.every(request => request.texts[0] === '1')).toBe(true);
  });

  it('back-off starts again after a success', async () => {
    bench.transport.answer = () => UNAVAILABLE;
    bench.start({ maxBatchRecords: 1, initialBackoffMs: 1_000 });
    bench.append(1);
    await bench.waitsFor(UNAVAILABLE.reason);
    bench.clock.advance(750);
    await bench.requests(2);
    await bench.waitsFor(UNAVAILABLE.reason);
    bench.transport.answer = () => ACCEPTED;
    bench.clock.advance(1_500);
    await bench.idle();
    bench.transport.answer = () => UNAVAILABLE;
    bench.append(2);
    await bench.waitsFor(UNAVAILABLE.reason);
    expect(Math.max(...bench.clock.waits.filter(ms => ms < 1_000))).toBe(750);
  });

  it('a wait that the server asks for is kept to, and bounded', async () => {
    bench.transport.answer = () => ({ ...UNAVAILABLE, afterMs: 120_000 }) as Outcome;
    bench.start({ maxBatchRecords: 1, maxServerWaitMs: 60_000 });
    bench.append(1);
    await bench.waitsFor(UNAVAILABLE.reason);
    bench.transport.answer = () => ACCEPTED;
    bench.clock.advance(59_999);
    expect(bench.transport.requests).toHaveLength(1);
    bench.clock.advance(1);
    await bench.idle();
  });

  it('say how many items wait, once for a spell', async () => {
    bench.transport.answer = () => UNAVAILABLE;
    bench.start({ maxBatchRecords: 3, initialBackoffMs: 100 });
    bench.append(1, 3);
    for (let attempt = 1; attempt <= 4; attempt++) {
      await bench.requests(attempt);
      await bench.waitsFor(UNAVAILABLE.reason);
      bench.clock.advance(2_000);
    }
    const said = bench.log.containing('can not be reached');
    expect(said).toEqual([
      'warn the gateway can not be reached, or can not take spans now (gRPC UNAVAILABLE: no); 3 spans stay in the spool, next try in 1 s',
    ]);
  });

  it('bounds of the spool hold while it waits', async () => {
    await bench.reopenSpool({ maxAgeMs: 60_000 });
    bench.transport.answer = () => ({ ...UNAVAILABLE, afterMs: 600_000 }) as Outcome;
    bench.start({ maxBatchRecords: 1 });
    bench.append(1);
    await bench.waitsFor(UNAVAILABLE.reason);
    bench.clock.advance(60_001);
    await bench.spool.keepHouse();
    expect(bench.spool.stats().dropped).toEqual({ age: 1 });
  });
});

describe('a refused credential', () => {
  const calls: unknown[] = [];
  const credentials: ExportCredentials = {
    invalidate: refused => {
      calls.push(refused);
    },
  };
  beforeEach(() => {
    calls.length = 0;
  });

  it('is dropped, and the request repeated at once', async () => {
    bench.transport.answer = () =>
      bench.transport.requests.length === 1
        ? ({ ...UNAUTHENTICATED, authorization: 'Bearer old' } as Outcome)
        : ACCEPTED;
    bench.start({ lingerMs: 0, maxBatchRecords: 1, credentials });
    bench.append(1);
    await bench.idle();
    expect(bench.transport.requests).toHaveLength(2);
    expect(calls).toEqual([{ authorization: 'Bearer old' }]);
    expect(bench.log.lines).toEqual([]);
  });

  it('twice in a row: the batch is kept, that is said plainly, and tried slowly', async () => {
    bench.transport.answer = () => UNAUTHENTICATED;
    bench.start({ maxBatchRecords: 1, slowRetryMs: 40_000, credentials });
    bench.append(1);
    await bench.waitsFor('gRPC UNAUTHENTICATED');
    expect(bench.transport.requests).toHaveLength(2);
    expect(bench.log.containing('refuses the credential, also a fresh one')).toHaveLength(1);
    expect(bench.log.containing('1 spans stay in the spool, next try in 30 s')).toHaveLength(1);
    bench.clock.advance(29_999);
    expect(bench.transport.requests).toHaveLength(2);
    bench.transport.answer = () => ACCEPTED;
    bench.clock.advance(1);
    await bench.idle();
    expect(calls).toHaveLength(1);
  });

  it('no credential reaches the log', async () => {
    bench.transport.answer = () => ({ ...UNAUTHENTICATED, authorization: 'Bearer secret' }) as Outcome;
    bench.start({
      maxBatchRecords: 1,
      credentials: {
        invalidate: async ({ authorization }) => {
          throw new Error(authorization);
        },
      },
    });
    bench.append(1);
    await bench.waitsFor('gRPC UNAUTHENTICATED');
    expect(bench.log.lines.join()).not.toContain('secret');
    expect(bench.log.containing('failed to drop')).toHaveLength(1);
  });

  it('a source that never drops it holds nothing up for longer than 10 s', async () => {
    bench.transport.answer = () => (bench.transport.requests.length === 1 ? UNAUTHENTICATED : ACCEPTED);
    bench.start({ maxBatchRecords: 1, credentials: { invalidate: () => new Promise(() => {}) } });
    bench.append(1);
    await until('it waits', () => bench.clock.waits.includes(10_000));
    bench.clock.advance(10_000);
    await bench.idle();
  });

  describe('for its times', () => {
    const corrections: number[] = [];
    const correcting: ExportCredentials = { correctClock: dateMs => corrections.push(dateMs) };
    beforeEach(() => {
      corrections.length = 0;
    });

    async function refusedOnce(refusal: Partial<Outcome>): Promise<void> {
      bench.transport.answer = () =>
        bench.transport.requests.length === 1 ? ({ ...UNAUTHENTICATED, ...refusal } as Outcome) : ACCEPTED;
      bench.start({ maxBatchRecords: 1, credentials: correcting });
      bench.append(1);
      await bench.idle();
    }

    it('the clock is corrected by the date of a server that is to be trusted', async () => {
      const trustedDateMs = bench.clock.now() - 10 * 60_000;
      await refusedOnce({ clockIsOff: true, trustedDateMs });
      expect(corrections).toEqual([trustedDateMs]);
      expect(bench.log.containing("this machine's clock is 600 s ahead of the gateway's")).toHaveLength(1);
    });

    it.each([-1, 1])('by 15 minutes at most (%d)', async sign => {
      await refusedOnce({ clockIsOff: true, trustedDateMs: bench.clock.now() + sign * (15 * 60_000 + 1) });
      expect(corrections).toEqual([]);
      expect(bench.log.containing('too far to correct')).toHaveLength(1);
    });

    it('not by a server that is not to be trusted, nor after another refusal', async () => {
      await refusedOnce({ clockIsOff: true });
      await bench.sender?.stop();
      bench.transport.requests.length = 0;
      await refusedOnce({ clockIsOff: false, trustedDateMs: bench.clock.now() });
      expect(corrections).toEqual([]);
    });
  });
});

describe('a piped that is not allowed', () => {
  it('keeps its batch, says so, and tries slowly, since enable exists', async () => {
    bench.transport.answer = () => DENIED;
    bench.start({ maxBatchRecords: 1, slowRetryMs: 40_000 });
    bench.append(1);
    await bench.waitsFor('gRPC PERMISSION_DENIED');
    expect(bench.log.containing('does not let it send')).toHaveLength(1);
    expect(Math.max(...bench.clock.waits)).toBe(30_000);
    bench.transport.answer = () => ACCEPTED;
    bench.clock.advance(30_000);
    await bench.idle();
    expect(bench.spool.stats().dropped).toEqual({});
  });
});
