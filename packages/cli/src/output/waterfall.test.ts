import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { SpanSchema } from '../generated/otlp_pb.ts';
import { id } from '../receiver/otlp.test.helper.ts';
import { paintFor, plain } from './colour.ts';
import { table } from './table.ts';
import { duration, waterfall } from './waterfall.ts';

function span(n: number, parent: number, name: string, fromMs: number, toMs: number, code = 0) {
  return {
    resource: undefined,
    span: create(SpanSchema, {
      spanId: id(n, 8),
      ...(parent > 0 && { parentSpanId: id(parent, 8) }),
      name,
      startTimeUnixNano: BigInt(fromMs) * 1_000_000n,
      endTimeUnixNano: BigInt(toMs) * 1_000_000n,
      status: { code },
    }),
  };
}

const spans = [
  span(1, 0, 'Deploy', 0, 1000, 1),
  span(2, 1, 'Plan', 0, 100, 1),
  span(3, 1, 'K8S_CANARY_ROLLOUT', 100, 600, 2),
  span(4, 3, 'apply', 200, 201),
  span(5, 1, 'WAIT', 600, 1000),
];

describe('the waterfall', () => {
  it('shows parents, time, duration and ending', () => {
    expect(waterfall({ spans }, { width: 60 })).toBe(
      [
        'Deploy                ✓  ██████████████████████████   1.00 s',
        '  Plan                ✓  ███·······················   100 ms',
        '  K8S_CANARY_ROLLOUT  ✗  ···█████████████··········   500 ms',
        '    apply             -  ·····█····················  1.00 ms',
        '  WAIT                -  ················██████████   400 ms',
        '',
      ].join('\n'),
    );
  });

  it('paints only when asked', () => {
    const paint = paintFor({ isTTY: true }, {});
    expect(waterfall({ spans }, { paint })).toContain('\u001b[31m✗\u001b[39m');
    expect(waterfall({ spans })).not.toContain('\u001b');
    expect(paintFor({ isTTY: true }, { NO_COLOR: '1' })).toBe(plain);
    expect(paintFor({ isTTY: true }, { TERM: 'dumb' })).toBe(plain);
    expect(paintFor({}, {})).toBe(plain);
  });

  it('comes to an end on orphans, rings, spans of one id, and nothing', () => {
    const odd = [
      span(1, 9, 'orphan', 0, 1),
      span(2, 3, 'ring', 0, 1),
      span(3, 2, 'ring', 0, 1),
      span(1, 0, 'same', 0, 1),
      span(4, 4, 'own parent', 0, 0),
    ];
    expect(waterfall({ spans: odd }).split('\n').slice(0, -1)).toHaveLength(5);
    expect(waterfall({ spans: [] })).toBe('(no spans)\n');
    expect(
      waterfall({ spans: [span(1, 0, 'x'.repeat(200), 0, 1), span(2, 1, 'esc\u001b[2J', 5, 2)] }, { width: 60 }),
    ).toMatch(/^x+… .*\n {2}esc\?\[2J /);
  });

  it.each([
    [0n, '0 µs'],
    [1_234n, '1 µs'],
    [1_234_567n, '1.23 ms'],
    [12_345_678n, '12.3 ms'],
    [123_456_789n, '123 ms'],
    [12_345_678_901n, '12.35 s'],
    [-5n, '0 µs'],
  ])('%s ns is %s', (nanoseconds, text) => {
    expect(duration(nanoseconds)).toBe(text);
  });
});

describe('a table', () => {
  it('aligns its columns and lets nothing steer the terminal', () => {
    expect(
      table(
        ['piped', 'keys'],
        [
          ['edge-1', 2],
          ['a\u001b[31m', 0],
        ],
      ),
    ).toBe('piped   keys\nedge-1  2\na?[31m  0\n');
  });
});
