import { expect, it } from 'vitest';
import type { SinkSpan } from '../harness/sink.ts';
import { countSpans, type MadeSpan, orphans, unequalDoubles } from './count.ts';

const owner = { project: 'shop', piped: 'edge-1' };
const made = (spanId: string, stored = true): MadeSpan => ({
  ...owner,
  traceId: 't',
  spanId,
  endedAtMs: 1_000,
  stored,
});
const at = (spanId: string, more: Partial<SinkSpan> = {}, { project, piped } = owner): SinkSpan => ({
  name: 'Deploy',
  traceId: 't',
  spanId,
  parentSpanId: '',
  attributes: [],
  resource: [
    ['project-id', project],
    ['piped-id', piped],
  ],
  arrivedAtMs: 1_500,
  ...more,
});

it('what was stored and is not there is lost; what was refused is not', () => {
  expect(countSpans([made('a'), made('b'), made('c', false)], [at('a')])).toEqual({
    made: 3,
    refused: 1,
    arrived: 1,
    doubled: 0,
    lost: 1,
    misattributed: 0,
    longestDelayMs: 500,
  });
});

it('what comes twice is doubled, and its first coming counts', () => {
  const twice = [at('a', { arrivedAtMs: 9_000 }), at('a', { arrivedAtMs: 1_200 })];
  expect(countSpans([made('a')], twice)).toMatchObject({ arrived: 1, doubled: 1, longestDelayMs: 200 });
  expect(unequalDoubles(twice)).toEqual([]);
  expect(unequalDoubles([at('a'), at('a', { name: 'Plan' })])).toHaveLength(1);
});

it('what bears the name of somebody else, also beside its own, is misattributed', () => {
  const forged = at('a', {}, { project: 'bank', piped: 'edge-1' });
  const both = at('a', { resource: [...at('a').resource, ['project-id', 'bank']] });
  for (const span of [forged, both, at('a', { resource: [] })]) {
    expect(countSpans([made('a')], [span])).toMatchObject({ arrived: 1, misattributed: 1 });
  }
});

it('a span whose parent is missing is an orphan, unless the parent was refused', () => {
  const child = at('b', { parentSpanId: 'a' });
  expect(orphans([made('a')], [child])).toEqual([child]);
  expect(orphans([made('a', false)], [child])).toEqual([]);
  expect(orphans([], [child, at('a')])).toEqual([]);
});
