import { setImmediate as turn } from 'node:timers/promises';
import { context, createContextKey, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { describe, expect, test } from 'vitest';
import { deploymentInfo, harness } from './harness.test.helper.ts';
import { rootSpanIdOf, traceIdOf } from './ids.ts';

const ofTrace = (spans: ReadableSpan[], id: string) => spans.filter(s => s.spanContext().traceId === traceIdOf(id));

describe('deployments side by side in one process do not mix', () => {
  test('50 of them, with stages, steps and turns of the event loop between', async () => {
    const { tracing, exporter } = harness();
    const ids = Array.from({ length: 50 }, (_, n) => `d-${n}`);
    await Promise.all(
      ids.map(id =>
        tracing.start(deploymentInfo({ id })).run(async deployment => {
          await turn();
          await deployment.plan(() => turn());
          await Promise.all(
            ['a', 'b'].map(name =>
              deployment.stage({ id: `${id}-${name}`, name }, async stage => {
                await turn();
                await stage.step(`${name}1`, async step => {
                  await turn();
                  await step.step(`${name}2`, () => turn());
                });
              }),
            ),
          );
        }),
      ),
    );
    expect(exporter.spans).toHaveLength(50 * 8);
    for (const id of ids) {
      const spans = ofTrace(exporter.spans, id);
      expect(new Set(spans.map(span => span.attributes['deployment-id']))).toEqual(new Set([id]));
      const nameOf = new Map(spans.map(span => [span.spanContext().spanId, span.name]));
      const edges = spans.map(span => `${nameOf.get(span.parentSpanContext?.spanId ?? '')} > ${span.name}`);
      expect(edges.toSorted()).toEqual(
        [
          'Deploy > Plan',
          'Deploy > a',
          'Deploy > b',
          'a > a1',
          'a1 > a2',
          'b > b1',
          'b1 > b2',
          'undefined > Deploy',
        ].toSorted(),
      );
      const b2 = spans.find(span => span.name === 'b2');
      expect(b2?.attributes).toMatchObject({ 'stage-name': 'b', 'stage-id': `${id}-b` });
    }
  });

  test('a deployment started from a stage of another is a root, without that stage’s tags', async () => {
    const { tracing, exporter } = harness();
    await tracing
      .start(deploymentInfo({ id: 'outer' }))
      .run(outer =>
        outer.stage({ id: 's-1', name: 'CHAIN' }, () =>
          tracing.start(deploymentInfo({ id: 'inner' })).run(inner => inner.step('work', () => {})),
        ),
      );
    const [work, root] = ofTrace(exporter.spans, 'inner');
    expect(root?.parentSpanContext).toBeUndefined();
    expect(work?.parentSpanContext?.spanId).toBe(rootSpanIdOf('inner'));
    for (const span of [work, root]) expect(span?.attributes).not.toHaveProperty('stage-name');
  });

  test('a stage called from a stage is still a child of the root', async () => {
    const { tracing, exporter } = harness();
    await tracing
      .start(deploymentInfo())
      .run(d => d.stage({ id: 's-1', name: 'OUTER' }, () => d.stage({ id: 's-2', name: 'INNER' }, () => {})));
    expect(exporter.named('INNER').parentSpanContext?.spanId).toBe(rootSpanIdOf('d-1'));
    expect(exporter.attributesOf('INNER')).toMatchObject({ 'stage-id': 's-2' });
  });

  test('a step called on one stage from within another hangs where it was called on', async () => {
    const { tracing, exporter } = harness();
    await tracing
      .start(deploymentInfo())
      .run(d =>
        d.stage({ id: 's-1', name: 'ONE' }, one =>
          d.stage({ id: 's-2', name: 'TWO' }, () => one.step('of one', () => {})),
        ),
      );
    expect(exporter.named('of one').parentSpanContext?.spanId).toBe(exporter.named('ONE').spanContext().spanId);
    expect(exporter.attributesOf('of one')).toMatchObject({ 'stage-id': 's-1' });
  });

  test('deployment.step hangs in the active step, with its signal, and below the root elsewhere', async () => {
    const { tracing, exporter } = harness();
    const controller = new AbortController();
    const deployment = tracing.start(deploymentInfo());
    await deployment.step('outside', () => {});
    await deployment.stage(
      { id: 's-1', name: 'ONE' },
      one =>
        one.step('inner', () =>
          deployment.step('innermost', ({ signal }) => {
            controller.abort();
            expect(signal.aborted).toBe(true);
          }),
        ),
      { signal: controller.signal },
    );
    expect(exporter.named('outside').parentSpanContext?.spanId).toBe(rootSpanIdOf('d-1'));
    expect(exporter.named('innermost').parentSpanContext?.spanId).toBe(exporter.named('inner').spanContext().spanId);
  });
});

test('nothing global is touched: no span is active for the API, no provider is set', async () => {
  const { tracing, exporter } = harness();
  await tracing.start(deploymentInfo()).run(d =>
    d.stage({ id: 's-1', name: 'ONE' }, async () => {
      await turn();
      expect(context.active()).toBe(ROOT_CONTEXT);
      expect(trace.getActiveSpan()).toBeUndefined();
      trace.getTracer('other').startSpan('not ours').end();
    }),
  );
  expect(exporter.spans.map(span => span.name)).toEqual(['ONE', 'Deploy']);
});

test('an application’s own global context manager is kept up to date', async () => {
  const manager = new AsyncLocalStorageContextManager();
  context.setGlobalContextManager(manager);
  try {
    const { tracing } = harness();
    await tracing.start(deploymentInfo()).run(d =>
      d.stage({ id: 's-1', name: 'ONE' }, async one => {
        await turn();
        expect(trace.getActiveSpan()).toBe(one.span);
      }),
    );
  } finally {
    context.disable();
  }
});

describe('with global registration', () => {
  test('instrumentations make children, which carry the tags; shutdown takes it back', async () => {
    const { tracing, exporter } = harness({ registerGlobally: true });
    try {
      await tracing.start(deploymentInfo()).run(d =>
        d.stage({ id: 's-1', name: 'ONE' }, async one => {
          await turn();
          expect(trace.getActiveSpan()).toBe(one.span);
          await trace.getTracer('http').startActiveSpan('GET', async get => {
            await turn();
            await one.step('below GET', () => {});
            get.end();
          });
        }),
      );
    } finally {
      await tracing.shutdown();
    }
    expect(exporter.named('GET').parentSpanContext?.spanId).toBe(exporter.named('ONE').spanContext().spanId);
    expect(exporter.attributesOf('GET')).toMatchObject({ 'deployment-id': 'd-1', 'stage-id': 's-1' });
    expect(exporter.named('below GET').parentSpanContext?.spanId).toBe(exporter.named('GET').spanContext().spanId);
    expect(trace.getTracer('http').startSpan('x').isRecording()).toBe(false);
    const key = createContextKey('after');
    context.with(ROOT_CONTEXT.setValue(key, 1), () => expect(context.active()).toBe(ROOT_CONTEXT));
  });

  test('a span that an instrumentation tagged itself keeps its word', async () => {
    const { tracing, exporter } = harness({ registerGlobally: true });
    try {
      await tracing.start(deploymentInfo()).run(() => {
        trace
          .getTracer('x')
          .startSpan('own', { attributes: { 'stage-name': 'mine', 'deployment-id': 'other' } })
          .end();
      });
    } finally {
      await tracing.shutdown();
    }
    expect(exporter.attributesOf('own')).toMatchObject({
      'stage-name': 'mine',
      'deployment-id': 'other',
      'application-id': 'app-1',
    });
  });

  test('a second one is refused, and leaves the first as it was', async () => {
    const { tracing } = harness({ registerGlobally: true });
    try {
      expect(() => harness({ registerGlobally: true })).toThrow(TypeError);
      expect(trace.getTracer('x').startSpan('x').isRecording()).toBe(true);
    } finally {
      await tracing.shutdown();
    }
  });

  test('with a global provider of another, the context manager is taken back', async () => {
    const other = harness().tracing.tracerProvider;
    trace.setGlobalTracerProvider(other);
    try {
      expect(() => harness({ registerGlobally: true })).toThrow('a global tracer provider is registered already');
      const key = createContextKey('left behind?');
      context.with(ROOT_CONTEXT.setValue(key, 1), () => expect(context.active()).toBe(ROOT_CONTEXT));
    } finally {
      trace.disable();
    }
  });
});
