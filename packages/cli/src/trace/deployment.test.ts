import { traceIdOf } from '@spanpass/tracing';
import { expect, it } from 'vitest';
import { waterfall } from '../output/waterfall.ts';
import { summaryOf } from './deployment.ts';
import type { JaegerSpan, JaegerTrace } from './jaeger-client.ts';
import { toSpans } from './to-spans.ts';

const traceID = traceIdOf('d-1');
const START_US = 1_790_000_000_000_000;

interface Made {
  readonly name: string;
  readonly id: string;
  readonly atUs: number;
  readonly durationUs: number;
  readonly parent?: string;
  readonly tags?: JaegerSpan['tags'];
}

function span({ name, id, atUs, durationUs, parent, tags = [] }: Made): JaegerSpan {
  return {
    spanID: id.padStart(16, '0'),
    operationName: name,
    references: parent === undefined ? [] : [{ refType: 'CHILD_OF', traceID, spanID: parent.padStart(16, '0') }],
    startTime: START_US + atUs,
    duration: durationUs,
    processID: 'p1',
    tags: [{ key: 'deployment-id', value: 'd-1' }, ...tags],
  };
}

/** PipeCD's own piped: nothing but a trace id is shared, so that Plan and Deploy are two roots. */
const fromGo = [
  span({ name: 'Deploy', id: 'a2', atUs: 5_000_000, durationUs: 10_000_000, tags: [{ key: 'error', value: true }] }),
  span({ name: 'K8S_SYNC', id: 'a3', atUs: 6_000_000, durationUs: 2_000_000, parent: 'a2' }),
  span({ name: 'Plan', id: 'a1', atUs: 0, durationUs: 4_000_000 }),
];
const trace = (spans: JaegerSpan[]): JaegerTrace => ({
  traceID,
  spans,
  processes: { p1: { serviceName: 'piped', tags: [{ key: 'project-id', value: 'shop' }] } },
});

it("a trace of PipeCD's own piped is one deployment, from its plan on", () => {
  expect(summaryOf(trace(fromGo))).toMatchObject({
    deploymentId: 'd-1',
    startedAt: new Date(START_US / 1_000).toISOString(),
    durationMs: 15_000,
    outcome: 'failed',
    project: 'shop',
    spans: 3,
  });
});

it('so is one that another piped goes on with: the end that came last counts', () => {
  const ok = [{ key: 'cicd.pipeline.result', value: 'success' }];
  const resumed = span({ name: 'Deploy', id: 'b1', atUs: 16_000_000, durationUs: 4_000_000, tags: ok });
  const stage = span({ name: 'K8S_SYNC', id: 'b2', atUs: 17_000_000, durationUs: 1_000_000, parent: 'b1' });
  const mixed = trace([...fromGo, resumed, stage]);
  expect(summaryOf(mixed)).toMatchObject({ durationMs: 20_000, outcome: 'success', result: 'success' });
  const lines = waterfall({ spans: toSpans(mixed) })
    .trimEnd()
    .split('\n');
  expect(lines.map(line => /^ *\S+/.exec(line)?.[0])).toEqual(['Plan', 'Deploy', '  K8S_SYNC', 'Deploy', '  K8S_SYNC']);
});
