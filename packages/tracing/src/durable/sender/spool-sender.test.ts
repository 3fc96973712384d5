import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { context, createContextKey } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { isTracingSuppressed } from '@opentelemetry/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DeadLetters } from '../dead-letters/dead-letters.ts';
import { Spool } from '../spool/spool.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { RecordingLog, scratchFolder, until } from '../testing/scratch.ts';
import { ACCEPTED, ScriptedTransport } from '../testing/scripted-transport.ts';
import type { Outcome } from './outcome.ts';
import type { SpoolSenderOptions } from './sender-options.ts';
import { SpoolSender } from './spool-sender.ts';
import type { ExportCredentials } from './transport.ts';

let scratch: ReturnType<typeof scratchFolder>;
let clock: FakeClock;
let log: RecordingLog;
let spool: Spool;
let transport: ScriptedTransport;
let sender: SpoolSender | undefined;

beforeEach(() => {
  scratch = scratchFolder();
  clock = new FakeClock();
  log = new RecordingLog();
  spool = new Spool({ folder: scratch.path, clock, log });
  transport = new ScriptedTransport();
});
afterEach(async () => {
  await sender?.stop();
  sender = undefined;
  await spool.close();
  expect(clock.waits).toEqual([]);
  scratch[Symbol.dispose]();
});

function start(options: Partial<SpoolSenderOptions> = {}): SpoolSender {
  // A jitter of one half of the half: every wait is three quarters of its bound.
  sender = new SpoolSender({ spool, transport, clock, log, random: () => 0.5, ...options });
  return sender;
}

function append(from: number, to = from): void {
  for (let i = from; i <= to; i++) spool.append('traces', Buffer.from(`${i};`));
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));
const waitsFor = (reason: string) => until(reason, () => stateReason() === reason);
const requests = (count: number) => until(`${count} requests`, () => transport.requests.length === count);
const idle = () => until('nothing pending', () => spool.stats().pending.records === 0);

function stateReason(): string | undefined {
  const state = sender?.state('traces');
  return state?.kind === 'waiting' ? state.reason : undefined;
}

const UNAVAILABLE: Outcome = { kind: 'retry', reason: 'gRPC UNAVAILABLE', message: 'no' };
const UNAUTHENTICATED: Outcome = {
  kind: 'unauthenticated',
  reason: 'gRPC UNAUTHENTICATED',
  message: 'expired: the credential has expired',
  clockIsOff: false,
};
const DENIED: Outcome = { kind: 'denied', reason: 'gRPC PERMISSION_DENIED', message: 'piped_disabled: …' };
const REJECTED: Outcome = { kind: 'rejected', reason: 'gRPC INVALID_ARGUMENT', message: 'bad' };
const FAILED: Outcome = { kind: 'failed', reason: 'HTTP 500', message: 'oops' };

describe('batches', () => {
  it('a full batch goes at once, one that is not full when it has waited', async () => {
    start({ maxBatchRecords: 10, lingerMs: 1_000 });
    append(1, 25);
    await requests(2);
    expect(transport.sizes).toEqual([10, 10]);
    await until('it lingers', () => clock.waits.includes(1_000));
    clock.advance(999);
    expect(transport.requests).toHaveLength(2);
    clock.advance(1);
    await requests(3);
    expect(transport.requests.flatMap(request => request.texts)).toEqual(range(1, 25));
    await idle();
    expect(sender?.stats()).toMatchObject({ sent: { records: 25, items: 25 }, requests: 3, failures: 0 });
  });

  it('a lingering batch goes as soon as it is full', async () => {
    start({ maxBatchRecords: 10 });
    append(1, 9);
    await until('it lingers', () => clock.waits.includes(1_000));
    expect(transport.requests).toHaveLength(0);
    append(10);
    await requests(1);
    expect(transport.sizes).toEqual([10]);
  });

  it('signals go side by side', async () => {
    transport.answer = ({ kind }) => (kind === 'metrics' ? DENIED : ACCEPTED);
    start({ lingerMs: 0 });
    spool.append('metrics', Buffer.from('m;'));
    spool.append('traces', Buffer.from('t;'));
    await until('traces arrive', () => spool.pending('traces').records === 0);
    await until('metrics wait', () => sender?.state('metrics').kind === 'waiting');
    expect(spool.pending('metrics').records).toBe(1);
  });

  it('what a process before left is sent without a new append', async () => {
    append(1, 3);
    await spool.close();
    spool = new Spool({ folder: scratch.path, clock, log });
    start({ lingerMs: 0 });
    await spool.keepHouse();
    clock.advance(0);
    await idle();
    expect(transport.requests).toEqual([{ kind: 'traces', texts: ['1', '2', '3'] }]);
  });

  it('requests are not traced, and see no context of whoever appended', async () => {
    const manager = new AsyncLocalStorageContextManager().enable();
    context.setGlobalContextManager(manager);
    try {
      const key = createContextKey('test');
      let seen: unknown[] = [];
      transport.answer = () => {
        seen = [isTracingSuppressed(context.active()), context.active().getValue(key)];
        return ACCEPTED;
      };
      start({ lingerMs: 0, maxBatchRecords: 1 });
      context.with(context.active().setValue(key, 'secret'), () => append(1));
      await requests(1);
      expect(seen).toEqual([true, undefined]);
    } finally {
      context.disable();
    }
  });
});

describe('retryable refusals', () => {
  it('are tried again, ever later, to a bound, with the same records and those that came meanwhile', async () => {
    transport.answer = () => UNAVAILABLE;
    start({ maxBatchRecords: 1, initialBackoffMs: 1_000, maxBackoffMs: 5_000 });
    append(1);
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 5; attempt++) {
      await requests(attempt);
      await until('it waits', () => clock.waits.length > 1);
      const wait = Math.max(...clock.waits);
      waits.push(wait);
      if (attempt === 5) transport.answer = () => ACCEPTED;
      clock.advance(wait - 1);
      expect(transport.requests).toHaveLength(attempt);
      clock.advance(1);
    }
    await idle();
    expect(waits).toEqual([750, 1_500, 3_000, 3_750, 3_750]);
    expect(transport.requests.every(request => request.texts[0] === '1')).toBe(true);
  });

  it('back-off starts again after a success', async () => {
    transport.answer = () => UNAVAILABLE;
    start({ maxBatchRecords: 1, initialBackoffMs: 1_000 });
    append(1);
    await waitsFor(UNAVAILABLE.reason);
    clock.advance(750);
    await requests(2);
    await waitsFor(UNAVAILABLE.reason);
    transport.answer = () => ACCEPTED;
    clock.advance(1_500);
    await idle();
    transport.answer = () => UNAVAILABLE;
    append(2);
    await waitsFor(UNAVAILABLE.reason);
    expect(Math.max(...clock.waits.filter(ms => ms < 1_000))).toBe(750);
  });

  it('a wait that the server asks for is kept to, and bounded', async () => {
    transport.answer = () => ({ ...UNAVAILABLE, afterMs: 120_000 }) as Outcome;
    start({ maxBatchRecords: 1, maxServerWaitMs: 60_000 });
    append(1);
    await waitsFor(UNAVAILABLE.reason);
    transport.answer = () => ACCEPTED;
    clock.advance(59_999);
    expect(transport.requests).toHaveLength(1);
    clock.advance(1);
    await idle();
  });

  it('say how many items wait, once for a spell', async () => {
    transport.answer = () => UNAVAILABLE;
    start({ maxBatchRecords: 3, initialBackoffMs: 100 });
    append(1, 3);
    for (let attempt = 1; attempt <= 4; attempt++) {
      await requests(attempt);
      await waitsFor(UNAVAILABLE.reason);
      clock.advance(2_000);
    }
    const said = log.containing('can not be reached');
    expect(said).toEqual([
      'warn the gateway can not be reached, or can not take spans now (gRPC UNAVAILABLE: no); 3 traces stay in the spool, next try in 1 s',
    ]);
  });

  it('bounds of the spool hold while it waits', async () => {
    await spool.close();
    spool = new Spool({ folder: scratch.path, clock, log, maxAgeMs: 60_000 });
    transport.answer = () => ({ ...UNAVAILABLE, afterMs: 600_000 }) as Outcome;
    start({ maxBatchRecords: 1 });
    append(1);
    await waitsFor(UNAVAILABLE.reason);
    clock.advance(60_001);
    await spool.keepHouse();
    expect(spool.stats().dropped).toEqual({ age: 1 });
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
    transport.answer = () =>
      transport.requests.length === 1 ? ({ ...UNAUTHENTICATED, authorization: 'Bearer old' } as Outcome) : ACCEPTED;
    start({ lingerMs: 0, maxBatchRecords: 1, credentials });
    append(1);
    await idle();
    expect(transport.requests).toHaveLength(2);
    expect(calls).toEqual([{ authorization: 'Bearer old' }]);
    expect(log.lines).toEqual([]);
  });

  it('twice in a row: the batch is kept, that is said plainly, and tried slowly', async () => {
    transport.answer = () => UNAUTHENTICATED;
    start({ maxBatchRecords: 1, slowRetryMs: 40_000, credentials });
    append(1);
    await waitsFor('gRPC UNAUTHENTICATED');
    expect(transport.requests).toHaveLength(2);
    expect(log.containing('refuses the credential, also a fresh one')).toHaveLength(1);
    expect(log.containing('1 traces stay in the spool, next try in 30 s')).toHaveLength(1);
    clock.advance(29_999);
    expect(transport.requests).toHaveLength(2);
    transport.answer = () => ACCEPTED;
    clock.advance(1);
    await idle();
    expect(calls).toHaveLength(1);
  });

  it('no credential reaches the log', async () => {
    transport.answer = () => ({ ...UNAUTHENTICATED, authorization: 'Bearer secret' }) as Outcome;
    start({
      maxBatchRecords: 1,
      credentials: {
        invalidate: async ({ authorization }) => {
          throw new Error(authorization);
        },
      },
    });
    append(1);
    await waitsFor('gRPC UNAUTHENTICATED');
    expect(log.lines.join()).not.toContain('secret');
    expect(log.containing('failed to drop')).toHaveLength(1);
  });

  it('a source that never drops it holds nothing up for longer than 10 s', async () => {
    transport.answer = () => (transport.requests.length === 1 ? UNAUTHENTICATED : ACCEPTED);
    start({ maxBatchRecords: 1, credentials: { invalidate: () => new Promise(() => {}) } });
    append(1);
    await until('it waits', () => clock.waits.includes(10_000));
    clock.advance(10_000);
    await idle();
  });

  describe('for its times', () => {
    const corrections: number[] = [];
    const correcting: ExportCredentials = { correctClock: dateMs => corrections.push(dateMs) };
    beforeEach(() => {
      corrections.length = 0;
    });

    async function refusedOnce(refusal: Partial<Outcome>): Promise<void> {
      transport.answer = () =>
        transport.requests.length === 1 ? ({ ...UNAUTHENTICATED, ...refusal } as Outcome) : ACCEPTED;
      start({ maxBatchRecords: 1, credentials: correcting });
      append(1);
      await idle();
    }

    it('the clock is corrected by the date of a server that is to be trusted', async () => {
      const trustedDateMs = clock.now() - 10 * 60_000;
      await refusedOnce({ clockIsOff: true, trustedDateMs });
      expect(corrections).toEqual([trustedDateMs]);
      expect(log.containing("this machine's clock is 600 s ahead of the gateway's")).toHaveLength(1);
    });

    it.each([-1, 1])('by 15 minutes at most (%d)', async sign => {
      await refusedOnce({ clockIsOff: true, trustedDateMs: clock.now() + sign * (15 * 60_000 + 1) });
      expect(corrections).toEqual([]);
      expect(log.containing('too far to correct')).toHaveLength(1);
    });

    it('not by a server that is not to be trusted, nor after another refusal', async () => {
      await refusedOnce({ clockIsOff: true });
      await sender?.stop();
      transport.requests.length = 0;
      await refusedOnce({ clockIsOff: false, trustedDateMs: clock.now() });
      expect(corrections).toEqual([]);
    });
  });
});

describe('a piped that is not allowed', () => {
  it('keeps its batch, says so, and tries slowly, since enable exists', async () => {
    transport.answer = () => DENIED;
    start({ maxBatchRecords: 1, slowRetryMs: 40_000 });
    append(1);
    await waitsFor('gRPC PERMISSION_DENIED');
    expect(log.containing('does not let it send')).toHaveLength(1);
    expect(Math.max(...clock.waits)).toBe(30_000);
    transport.answer = () => ACCEPTED;
    clock.advance(30_000);
    await idle();
    expect(spool.stats().dropped).toEqual({});
  });
});

describe('payloads refused for good', () => {
  const letters = () => new DeadLetters(scratch.path);

  it.each([[[7]], [[1]], [[16]], [[3, 4, 15]], [range(1, 16).map(Number)]])(
    'only the bad ones, %j, are dead letters, and all others arrive',
    async bad => {
      const arrived: string[] = [];
      transport.answer = ({ texts }) => {
        if (texts.some(text => bad.includes(Number(text)))) return REJECTED;
        arrived.push(...texts);
        return ACCEPTED;
      };
      start({ maxBatchRecords: 16 });
      append(1, 16);
      await idle();
      expect(arrived).toEqual(range(1, 16).filter(text => !bad.includes(Number(text))));
      const list = await letters().list();
      expect(list).toHaveLength(bad.length);
      expect(list[0]).toMatchObject({ kind: 'traces', items: 1, reason: 'gRPC INVALID_ARGUMENT', message: 'bad' });
      const [first] = list;
      const texts = await Promise.all(list.map(async ({ id }) => (await letters().read(id))?.payload.toString()));
      expect(first && texts.map(text => Number.parseInt(text ?? '', 10)).sort((a, b) => a - b)).toEqual(bad);
      expect(sender?.stats()).toMatchObject({ deadLetters: bad.length, sent: { records: 16 - bad.length } });
    },
  );

  it('too large for the receiver: sent in parts, and later batches are small enough', async () => {
    const arrived: string[] = [];
    transport.answer = ({ texts }) => {
      if (texts.join('').length > 300_000) return { kind: 'too_large', reason: 'HTTP 413', message: '' };
      arrived.push(...texts.map(text => text.trim()));
      return ACCEPTED;
    };
    for (let i = 1; i <= 16; i++) spool.append('traces', Buffer.from(`${String(i).padEnd(99_999)};`));
    start({ maxBatchRecords: 8 });
    await idle();
    expect(arrived).toEqual(range(1, 16));
    expect(transport.sizes).toEqual([8, 4, 2, 2, 4, 2, 2, 2, 2, 2, 2]);
  });

  it('a retryable refusal in between leaves the rest in the spool', async () => {
    transport.answer = ({ texts }) => {
      if (texts.includes('7')) return texts.length === 1 ? UNAVAILABLE : REJECTED;
      return ACCEPTED;
    };
    start({ maxBatchRecords: 8 });
    append(1, 8);
    await waitsFor('gRPC UNAVAILABLE');
    expect(spool.pending('traces').records).toBe(2);
    expect(await letters().list()).toEqual([]);
  });

  it('a dead letter that can not be written stays in the spool', async () => {
    transport.answer = () => REJECTED;
    writeFileSync(join(scratch.path, 'dead-letters'), 'in the way');
    start({ maxBatchRecords: 1 });
    append(1);
    await waitsFor('gRPC INVALID_ARGUMENT');
    expect(spool.pending('traces').records).toBe(1);
    expect(log.containing('a dead letter can not be written: EEXIST')).toHaveLength(1);
  });

  it('dead letters are bounded: the oldest go, counted', async () => {
    transport.answer = () => REJECTED;
    start({ maxBatchRecords: 1, maxDeadLetterBytes: 2_000 });
    append(1, 12);
    await idle();
    const list = await letters().list();
    expect(list.length).toBeGreaterThan(3);
    expect(list.length).toBeLessThan(12);
    expect(spool.stats().dropped).toEqual({ dead_letter_bytes: 12 - list.length });
  });
});

describe('a receiver that fails', () => {
  async function pass(attempts: number): Promise<void> {
    for (let i = 0; i < attempts; i++) {
      await waitsFor('HTTP 500');
      const before = transport.requests.length;
      clock.advance(30_000);
      await until('another attempt', () => transport.requests.length > before || spool.pending('traces').records === 0);
    }
  }

  it('on everything keeps everything, however long', async () => {
    transport.answer = () => FAILED;
    start({ maxBatchRecords: 16 });
    append(1, 16);
    await pass(12);
    await waitsFor('HTTP 500');
    expect(spool.pending('traces').records).toBe(16);
    expect(await new DeadLetters(scratch.path).list()).toEqual([]);
    expect(log.containing('check the endpoint').length).toBeGreaterThan(0);
  });

  it('on a single record that is all there is keeps it', async () => {
    transport.answer = () => FAILED;
    start({ maxBatchRecords: 1, lingerMs: 0 });
    append(1);
    await pass(12);
    await waitsFor('HTTP 500');
    expect(spool.pending('traces').records).toBe(1);
  });

  it.each([1, 2, 9, 16])('on record %d alone makes that one a dead letter, after some time', async bad => {
    const arrived: string[] = [];
    transport.answer = ({ texts }) => {
      if (texts.includes(String(bad))) return FAILED;
      arrived.push(...texts);
      return ACCEPTED;
    };
    start({ maxBatchRecords: 16 });
    append(1, 16);
    await pass(4);
    await idle();
    expect(arrived.map(Number).sort((a, b) => a - b)).toEqual(
      range(1, 16)
        .map(Number)
        .filter(i => i !== bad),
    );
    expect(await new DeadLetters(scratch.path).list()).toHaveLength(1);
  });
});

describe('partial success', () => {
  it('is counted and said, and nothing is sent again', async () => {
    transport.answer = () => ({ kind: 'accepted', rejectedItems: 2, message: 'too old' });
    start({ maxBatchRecords: 3 });
    append(1, 3);
    await idle();
    expect(transport.requests).toHaveLength(1);
    expect(sender?.stats()).toMatchObject({ rejectedByReceiver: 2, sent: { items: 3 } });
    expect(log.containing('too old (2)')).toHaveLength(1);
  });
});

describe('flush', () => {
  it('sends what is pending without waiting for more, and then is done', async () => {
    start();
    append(1, 3);
    await sender?.flush({ timeoutMs: 1_000 });
    expect(transport.sizes).toEqual([3]);
    expect(spool.stats().pending.records).toBe(0);
  });

  it('with nothing pending is done at once', async () => {
    await start().flush();
  });

  it("cuts the sender's own back-off short, and gives up when the next try would come too late", async () => {
    transport.answer = () => UNAVAILABLE;
    start({ maxBatchRecords: 1, initialBackoffMs: 60_000, maxBackoffMs: 60_000 });
    append(1);
    await waitsFor(UNAVAILABLE.reason);
    await sender?.flush({ timeoutMs: 5_000 });
    expect(transport.requests).toHaveLength(2);
    transport.answer = () => ACCEPTED;
    await sender?.flush({ timeoutMs: 5_000 });
    expect(spool.stats().pending.records).toBe(0);
  });

  it('does not cut short what the server asked for', async () => {
    transport.answer = () => ({ ...UNAVAILABLE, afterMs: 60_000 }) as Outcome;
    start({ maxBatchRecords: 1 });
    append(1);
    await waitsFor(UNAVAILABLE.reason);
    await sender?.flush({ timeoutMs: 5_000 });
    expect(transport.requests).toHaveLength(1);
  });

  it('ends at its time when the receiver hangs', async () => {
    transport.answer = (_, signal) =>
      new Promise(resolve => signal.addEventListener('abort', () => resolve(UNAVAILABLE)));
    start({ maxBatchRecords: 1 });
    append(1);
    await requests(1);
    const flushed = sender?.flush({ timeoutMs: 5_000 });
    clock.advance(5_000);
    await flushed;
    expect(spool.stats().pending.records).toBe(1);
  });

  it('two at once both end', async () => {
    start();
    append(1, 3);
    await Promise.all([sender?.flush(), sender?.flush()]);
    expect(spool.stats().pending.records).toBe(0);
  });
});

describe('stop', () => {
  it('ends a request under way, keeps its records, and closes the transport', async () => {
    transport.answer = (_, signal) =>
      new Promise(resolve => signal.addEventListener('abort', () => resolve(UNAVAILABLE)));
    start({ maxBatchRecords: 1 });
    append(1);
    await requests(1);
    await sender?.stop();
    expect(transport.closed).toBe(true);
    expect(sender?.state('traces')).toEqual({ kind: 'stopped' });
    expect(spool.stats().pending.records).toBe(1);
  });

  it('ends a wait', async () => {
    transport.answer = () => DENIED;
    start({ maxBatchRecords: 1 });
    append(1);
    await waitsFor('gRPC PERMISSION_DENIED');
    await sender?.stop();
  });
});

it('a transport that throws is a receiver that fails', async () => {
  transport.answer = () => {
    throw new TypeError('bug');
  };
  start({ maxBatchRecords: 1 });
  append(1);
  await waitsFor('the transport failed');
  expect(spool.pending('traces').records).toBe(1);
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
  expect(() => start({ [name]: value })).toThrow(TypeError);
  expect(() => start({ [name]: value })).toThrow(name);
});
