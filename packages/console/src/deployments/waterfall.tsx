import { Text } from '@mantine/core';
import { scaleLinear } from 'd3-scale';
import { useState } from 'react';
import type { Span, Trace } from '../api/types.ts';
import { milliseconds } from '../format/time.tsx';

const WIDTH = 1000;
const INDENT_REM = 1;

/** The spans of one deployment below each other, each as long as it took; a click tells all that is known of one. */
export function Waterfall({ trace: { spans } }: { trace: Trace }) {
  const [open, setOpen] = useState<string>();
  const start = spans.reduce((least, span) => Math.min(least, span.startedAtMs), Infinity);
  const end = spans.reduce((most, span) => Math.max(most, span.startedAtMs + span.durationMs), 0);
  const x = scaleLinear([start, Math.max(end, start + 0.001)], [0, WIDTH]);
  return (
    <ul className="panel falls" aria-label="Spans">
      {inOrder(spans).map(({ span, depth }) => {
        const isOpen = open === span.spanId;
        const left = x(span.startedAtMs);
        const width = Math.max(3, x(span.startedAtMs + span.durationMs) - left);
        return (
          <li key={span.spanId}>
            <button
              type="button"
              className="fall"
              aria-expanded={isOpen}
              onClick={() => setOpen(isOpen ? undefined : span.spanId)}
            >
              <span className="fall-name" style={{ paddingLeft: `${depth * INDENT_REM}rem` }}>
                {span.name}
                <Text span size="xs" c="dimmed" ml={8}>
                  {milliseconds(span.durationMs)}
                  {span.failed && ', failed'}
                </Text>
              </span>
              <svg className="fall-track" viewBox={`0 0 ${WIDTH} 10`} preserveAspectRatio="none" aria-hidden="true">
                <rect
                  className={span.failed ? 'failed' : 'bar'}
                  x={Math.min(left, WIDTH - 3)}
                  y="2"
                  width={width}
                  height="6"
                />
              </svg>
            </button>
            {isOpen && <Attributes span={span} />}
          </li>
        );
      })}
    </ul>
  );
}

function Attributes({ span: { attributes } }: { span: Span }) {
  return (
    <dl className="facts padded">
      {Object.entries(attributes).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className="token">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface Placed {
  readonly span: Span;
  readonly depth: number;
}

/** Children behind their parents, in the order of their starts; one whose parent is not there is a root. */
function inOrder(spans: readonly Span[]): Placed[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const byParent = Map.groupBy(spans, ({ parentSpanId }) =>
    parentSpanId !== undefined && ids.has(parentSpanId) ? parentSpanId : '',
  );
  const placed: Placed[] = [];
  const seen = new Set<string>();
  const place = (parent: string, depth: number) => {
    for (const span of byParent.get(parent) ?? []) {
      if (seen.has(span.spanId)) continue;
      seen.add(span.spanId);
      placed.push({ span, depth });
      place(span.spanId, depth + 1);
    }
  };
  place('', 0);
  return placed;
}
