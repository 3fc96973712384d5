import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { BasicTracerProvider, SimpleSpanProcessor, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { describe, expect, test } from 'vitest';
import { RecordingExporter } from './harness.test.helper.ts';
import { DeploymentIdGenerator } from './id-generator.ts';
import { rootSpanIdOf, traceIdOf } from './ids.ts';

function setUp(more: SpanProcessor[] = []) {
  const ids = new DeploymentIdGenerator();
  const exporter = new RecordingExporter();
  const provider = new BasicTracerProvider({
    idGenerator: ids,
    spanProcessors: [...more, new SimpleSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('piped');
  const root = (id: string) => ids.rootOf(id, () => tracer.startSpan('Deploy', { root: true }));
  return { ids, exporter, tracer, root };
}

describe('ids under a provider, processors and an exporter of the application', () => {
  test('the root has the ids that follow from the deployment id, and no parent', () => {
    const { exporter, root } = setUp();
    root('d-1').end();
    const span = exporter.named('Deploy');
    expect(span.spanContext()).toMatchObject({ traceId: traceIdOf('d-1'), spanId: rootSpanIdOf('d-1') });
    expect(span.parentSpanContext).toBeUndefined();
  });

  test('children share the trace id and have random span ids', () => {
    const { tracer, root } = setUp();
    const parent = trace.setSpan(ROOT_CONTEXT, root('d-1'));
    const children = [tracer.startSpan('a', {}, parent), tracer.startSpan('b', {}, parent)].map(s => s.spanContext());
    expect(children.map(c => c.traceId)).toEqual([traceIdOf('d-1'), traceIdOf('d-1')]);
    expect(new Set([...children.map(c => c.spanId), rootSpanIdOf('d-1')]).size).toBe(3);
  });

  test('a span made again has the ids that it had; a child keeps the trace of its parent', () => {
    const { ids, tracer, root } = setUp();
    const had = { traceId: traceIdOf('d-1'), spanId: '00000000000000ab' };
    expect(ids.as(had, () => tracer.startSpan('x', { root: true })).spanContext()).toMatchObject(had);
    const parent = trace.setSpan(ROOT_CONTEXT, root('d-2'));
    const child = ids.as(had, () => tracer.startSpan('x', {}, parent)).spanContext();
    expect(child).toMatchObject({ traceId: traceIdOf('d-2'), spanId: had.spanId });
    expect(tracer.startSpan('y', {}, parent).spanContext().spanId).not.toBe(had.spanId);
  });

  test('roots that nobody asked for stay random', () => {
    const { tracer, root } = setUp();
    root('d-1');
    const others = [tracer.startSpan('x', { root: true }), tracer.startSpan('y', { root: true })];
    const traceIds = others.map(span => span.spanContext().traceId);
    expect(new Set([...traceIds, traceIdOf('d-1')]).size).toBe(3);
  });

  test('a processor that starts a root of its own in onStart takes no ids away', () => {
    let inner: string | undefined;
    const greedy: SpanProcessor = {
      onStart: span => {
        if (span.name === 'Deploy') inner = tracer.startSpan('own', { root: true }).spanContext().traceId;
      },
      onEnd: () => {},
      forceFlush: async () => {},
      shutdown: async () => {},
    };
    const { tracer, root } = setUp([greedy]);
    expect(root('d-1').spanContext().traceId).toBe(traceIdOf('d-1'));
    expect(inner).not.toBe(traceIdOf('d-1'));
  });

  test('a start that fails, or makes no span, leaves no ids behind for the next root', () => {
    const { ids, tracer } = setUp();
    const fail = () => {
      throw new Error('no span');
    };
    expect(() => ids.rootOf('d-1', fail)).toThrow('no span');
    ids.rootOf('d-2', () => context.active());
    const { traceId, spanId } = tracer.startSpan('x', { root: true }).spanContext();
    expect([traceIdOf('d-1'), traceIdOf('d-2')]).not.toContain(traceId);
    expect([rootSpanIdOf('d-1'), rootSpanIdOf('d-2')]).not.toContain(spanId);
  });

  test('one root inside the start of another gets its own ids', () => {
    const { ids, tracer, root } = setUp();
    const [outer, inner] = ids.rootOf('outer', () => {
      const innerRoot = root('inner');
      return [tracer.startSpan('Deploy', { root: true }), innerRoot] as const;
    });
    expect(outer.spanContext().traceId).toBe(traceIdOf('outer'));
    expect(inner.spanContext().traceId).toBe(traceIdOf('inner'));
  });
});
