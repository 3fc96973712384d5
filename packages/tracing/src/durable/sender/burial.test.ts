import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DeadLetters } from '../dead-letters/dead-letters.ts';
import { until } from '../testing/scratch.ts';
import { ACCEPTED } from '../testing/scripted-transport.ts';
import { FAILED, REJECTED, range, SenderBench, UNAVAILABLE } from '../testing/sender-bench.ts';

let bench: SenderBench;
beforeEach(() => {
  bench = new SenderBench();
});
afterEach(async () => {
  expect(await bench.close()).toEqual([]);
  await bench[Symbol.asyncDispose]();
});

describe('payloads refused for good', () => {
  const letters = () => new DeadLetters(bench.folder);

  it.each([[[7]], [[1]], [[16]], [[3, 4, 15]], [range(1, 16).map(Number)]])(
    'only the bad ones, %j, are dead letters, and all others arrive',
    async bad => {
      const arrived: string[] = [];
      bench.transport.answer = ({ texts }) => {
        if (texts.some(text => bad.includes(Number(text)))) return REJECTED;
        arrived.push(...texts);
        return ACCEPTED;
      };
      bench.start({ maxBatchRecords: 16 });
      bench.append(1, 16);
      await bench.idle();
      expect(arrived).toEqual(range(1, 16).filter(text => !bad.includes(Number(text))));
      const list = await letters().list();
      expect(list).toHaveLength(bad.length);
      expect(list[0]).toMatchObject({ kind: 'traces', items: 1, reason: 'gRPC INVALID_ARGUMENT', message: 'bad' });
      const [first] = list;
      const texts = await Promise.all(list.map(async ({ id }) => (await letters().read(id))?.payload.toString()));
      expect(first && texts.map(text => Number.parseInt(text ?? '', 10)).sort((a, b) => a - b)).toEqual(bad);
      expect(bench.sender?.stats()).toMatchObject({ deadLetters: bad.length, sent: { records: 16 - bad.length } });
    },
  );

  it('too large for the receiver: sent in parts, and later batches are small enough', async () => {
    const arrived: string[] = [];
    bench.transport.answer = ({ texts }) => {
      if (texts.join('').length > 300_000) return { kind: 'too_large', reason: 'HTTP 413', message: '' };
      arrived.push(...texts.map(text => text.trim()));
      return ACCEPTED;
    };
    for (let i = 1; i <= 16; i++) bench.spool.append('traces', Buffer.from(`${String(i).padEnd(99_999)};`));
    bench.start({ maxBatchRecords: 8 });
    await bench.idle();
    expect(arrived).toEqual(range(1, 16));
    expect(bench.transport.sizes).toEqual([8, 4, 2, 2, 4, 2, 2, 2, 2, 2, 2]);
  });

  it('a retryable refusal in between leaves the rest in the spool', async () => {
    bench.transport.answer = ({ texts }) => {
      if (texts.includes('7')) return texts.length === 1 ? UNAVAILABLE : REJECTED;
      return ACCEPTED;
    };
    bench.start({ maxBatchRecords: 8 });
    bench.append(1, 8);
    await bench.waitsFor('gRPC UNAVAILABLE');
    expect(bench.spool.pending('traces').records).toBe(2);
    expect(await letters().list()).toEqual([]);
  });

  it('a dead letter that can not be written stays in the spool', async () => {
    bench.transport.answer = () => REJECTED;
    writeFileSync(join(bench.folder, 'dead-letters'), 'in the way');
    bench.start({ maxBatchRecords: 1 });
    bench.append(1);
    await bench.waitsFor('gRPC INVALID_ARGUMENT');
    expect(bench.spool.pending('traces').records).toBe(1);
    expect(bench.log.containing('a dead letter can not be written: EEXIST')).toHaveLength(1);
  });

  it('dead letters are bounded: the oldest go, counted', async () => {
    bench.transport.answer = () => REJECTED;
    bench.start({ maxBatchRecords: 1, maxDeadLetterBytes: 2_000 });
    bench.append(1, 12);
    await bench.idle();
    const list = await letters().list();
    expect(list.length).toBeGreaterThan(3);
    expect(list.length).toBeLessThan(12);
    expect(bench.spool.stats().dropped).toEqual({ dead_letter_bytes: 12 - list.length });
  });
});

describe('a receiver that fails', () => {
  async function pass(attempts: number): Promise<void> {
    for (let i = 0; i < attempts; i++) {
      await bench.waitsFor('HTTP 500');
      const before = bench.transport.requests.length;
      bench.clock.advance(30_000);
      await until(
        'another attempt',
        () => bench.transport.requests.length > before || bench.spool.pending('traces').records === 0,
      );
    }
  }

  it('on everything keeps everything, however long', async () => {
    bench.transport.answer = () => FAILED;
    bench.start({ maxBatchRecords: 16 });
    bench.append(1, 16);
    await pass(12);
    await bench.waitsFor('HTTP 500');
    expect(bench.spool.pending('traces').records).toBe(16);
    expect(await new DeadLetters(bench.folder).list()).toEqual([]);
    expect(bench.log.containing('check the endpoint').length).toBeGreaterThan(0);
  });

  it('on a single record that is all there is keeps it', async () => {
    bench.transport.answer = () => FAILED;
    bench.start({ maxBatchRecords: 1, lingerMs: 0 });
    bench.append(1);
    await pass(12);
    await bench.waitsFor('HTTP 500');
    expect(bench.spool.pending('traces').records).toBe(1);
  });

  it.each([1, 2, 9, 16])('on record %d alone makes that one a dead letter, after some time', async bad => {
    const arrived: string[] = [];
    bench.transport.answer = ({ texts }) => {
      if (texts.includes(String(bad))) return FAILED;
      arrived.push(...texts);
      return ACCEPTED;
    };
    bench.start({ maxBatchRecords: 16 });
    bench.append(1, 16);
    await pass(4);
    await bench.idle();
    expect(arrived.map(Number).sort((a, b) => a - b)).toEqual(
      range(1, 16)
        .map(Number)
        .filter(i => i !== bad),
    );
    expect(await new DeadLetters(bench.folder).list()).toHaveLength(1);
  });
});
