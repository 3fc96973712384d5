import { describe, expect, it } from 'vitest';
import { decodeBatch } from './batch.ts';
import { id, traceRequest } from './otlp.test.helper.ts';
import { TraceStore } from './trace-store.ts';

const one = { project: 'one', piped: 'a' };
const two = { project: 'two', piped: 'b' };
const hexId = (n: number) => Buffer.from(id(n)).toString('hex');

function batch(traceNumber: number, name: string, service = 'piped', startTimeUnixNano = 0n) {
  const span = { traceId: id(traceNumber), spanId: id(1, 8), name, startTimeUnixNano };
  return decodeBatch('traces', 'protobuf', traceRequest([['service.name', service]], span));
}

describe('the trace store', () => {
  it('gathers the spans of a trace in the order of their start', () => {
    const store = new TraceStore();
    store.add(batch(1, 'late', 'piped', 20n), one);
    store.add(batch(1, 'early', 'piped', 10n), one);
    store.add(batch(2, 'other'), one);
    const [trace, ...more] = store.get(hexId(1).toUpperCase());
    expect(more).toEqual([]);
    expect(trace?.spans.map(({ span }) => span.name)).toEqual(['early', 'late']);
    expect(store.size).toBe(2);
  });

  it('keeps apart what two projects call by one id', () => {
    const store = new TraceStore();
    store.add(batch(1, 'mine'), one);
    store.add(batch(1, 'theirs'), two);
    expect(store.get(hexId(1)).map(({ project }) => project)).toEqual(['one', 'two']);
    expect(store.get(hexId(1), 'two')[0]?.spans.map(({ span }) => span.name)).toEqual(['theirs']);
  });

  it('lists the newest first, by service and project', () => {
    const store = new TraceStore();
    for (let n = 1; n <= 5; n++) store.add(batch(n, 'x', n % 2 === 0 ? 'even' : 'odd'), n === 5 ? two : one);
    expect(store.list({ limit: 2 }).map(({ traceId }) => traceId)).toEqual([hexId(5), hexId(4)]);
    expect(store.list({ service: 'odd', project: 'one' }).map(({ traceId }) => traceId)).toEqual([hexId(3), hexId(1)]);
    expect(store.services()).toEqual(['even', 'odd']);
  });

  it('drops the oldest trace first, over either limit', () => {
    const byCount = new TraceStore({ maxTraces: 2 });
    for (const n of [1, 2, 3]) byCount.add(batch(n, 'x'), one);
    expect(byCount.list().map(({ traceId }) => traceId)).toEqual([hexId(3), hexId(2)]);

    const byBytes = new TraceStore({ maxBytes: 250 });
    for (const n of [1, 2, 3]) byBytes.add(batch(n, 'x'.repeat(50)), one);
    expect(byBytes.list().map(({ traceId }) => traceId)).toEqual([hexId(3), hexId(2)]);
    expect(byBytes.bytes).toBeLessThanOrEqual(250);
  });

  it('drops the oldest spans of a trace that is alone too large', () => {
    const store = new TraceStore({ maxBytes: 250 });
    for (const name of ['first', 'second', 'third']) store.add(batch(1, name.padEnd(60, '.')), one);
    expect(store.get(hexId(1))[0]?.spans.map(({ span }) => span.name.replace(/\.+/, ''))).toEqual(['second', 'third']);
    store.add(batch(1, 'x'.repeat(400)), one);
    expect(store.size).toBe(0);
    expect(store.bytes).toBe(0);
  });

  it.each([{ maxBytes: 0 }, { maxTraces: Number.NaN }])('refuses %o', limits => {
    expect(() => new TraceStore(limits)).toThrow(TypeError);
  });
});
