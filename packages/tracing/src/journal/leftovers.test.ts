import { expect, test } from 'vitest';
import type { JournalContent } from './journal-reader.ts';
import { leftoversOf } from './leftovers.ts';
import type { SpanRecord } from './span-record.ts';

const TRACE = 'ab'.repeat(16);

function span(spanId: string, more: Partial<SpanRecord> = {}): SpanRecord {
  return {
    kind: 'span',
    traceId: TRACE,
    spanId,
    name: spanId,
    spanKind: 0,
    scope: { name: 'test' },
    startTime: [1, 0],
    attributes: {},
    events: [],
    links: [],
    ...more,
  };
}

const root = (more: Partial<SpanRecord> = {}) =>
  span('root', { deployment: { id: 'd-1', application: { id: 'a', kind: 'X' } }, ...more });
const ended = { end: { time: [2, 0], status: { code: 1 } } } satisfies Partial<SpanRecord>;

const journal = (spans: SpanRecord[], aliveAtMs = 5_000): JournalContent => ({
  header: { project: 'shop', piped: 'edge-1', version: '1' },
  spans,
  parts: [],
  aliveAtMs,
});

const LEFT = { atMs: 5_000, reason: 'process ended', version: '1' };

test('roots that are open are told apart; all was left when its process was last alive', () => {
  expect(leftoversOf([journal([root(), span('stage'), span('step')])])).toEqual({
    roots: [{ record: root(), left: LEFT, parts: [], openSpans: [span('stage'), span('step')] }],
    others: [
      { record: span('step'), left: LEFT },
      { record: span('stage'), left: LEFT },
    ],
  });
});

test('a root that has ended, and one that says nothing of its deployment, are not to go on with', () => {
  const spans = [root(ended), span('nothing said')];
  expect(leftoversOf([journal(spans)])).toMatchObject({ roots: [], others: [{}, {}] });
});

test('within one journal the later record counts', () => {
  const later = span('stage', { name: 'later' });
  expect(leftoversOf([journal([span('stage'), later])]).others).toEqual([{ record: later, left: LEFT }]);
  const end = span('stage', ended);
  expect(leftoversOf([journal([span('stage'), end])]).others).toEqual([{ record: end, left: LEFT }]);
});

test('of several journals, an end counts more than none, and later evidence more than earlier', () => {
  const taken = journal([root(), span('stage')], 1_000);
  const taker = journal([root({ name: 'resumed' }), span('stage', ended)], 9_000);
  for (const contents of [
    [taken, taker],
    [taker, taken],
  ]) {
    const { roots, others } = leftoversOf(contents);
    expect(roots).toMatchObject([{ record: { name: 'resumed' }, left: { atMs: 9_000 } }]);
    expect(others).toMatchObject([{ record: ended }]);
  }
});

test('one that was put aside was left when that was', () => {
  const left = { atMs: 2_000, reason: 'waits for approval', version: '0' };
  expect(leftoversOf([journal([root({ left })])]).roots).toMatchObject([{ left }]);
});

test('spans that ended, or are of another trace, were not open under a root', () => {
  const other = span('other', { traceId: 'cd'.repeat(16) });
  const { roots } = leftoversOf([journal([root(), span('stage'), span('stage', ended), other])]);
  expect(roots[0]?.openSpans).toEqual([]);
});
