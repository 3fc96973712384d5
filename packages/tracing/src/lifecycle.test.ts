import { context, DiagLogLevel, diag, ROOT_CONTEXT } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { suppressTracing } from '@opentelemetry/core';
import {
  AlwaysOffSampler,
  ParentBasedSampler,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Deployment, DeploymentInfo } from './api.ts';
import { deploymentInfo, epochMs, harness, IDENTITY, RecordingExporter, T0 } from './harness.test.helper.ts';
import { rootSpanIdOf, traceIdOf } from './ids.ts';
import { createDeploymentTracing } from './tracing.ts';

const STAGE = { id: 's-1', name: 'K8S_SYNC' };

/** What is said to the `diag` logger. */
function listen(): string[] {
  const lines: string[] = [];
  const say = (...parts: unknown[]) => lines.push(parts.join(' '));
  diag.setLogger({ error: say, warn: say, info: say, debug: say, verbose: say }, DiagLogLevel.WARN);
  return lines;
}

afterEach(() => diag.disable());

describe('one root span, over restarts and processes', () => {
  test('suspended, then resumed elsewhere: exported once, over the whole time, in one tree', async () => {
    const first = harness();
    const before = first.tracing.start(deploymentInfo());
    await before.plan(() => {});
    await first.tracing.shutdown();
    const second = harness();
    second.clock.nowMs += 60_000;
    await second.tracing.resume(deploymentInfo({ startedAt: new Date(T0) })).run(d => d.stage(STAGE, () => {}));

    expect(first.exporter.spans.map(span => span.name)).toEqual(['Plan']);
    const deploy = second.exporter.named('Deploy');
    expect([epochMs(deploy.startTime), epochMs(deploy.endTime)]).toEqual([T0, T0 + 60_000]);
    expect(deploy.events).toMatchObject([{ name: 'deployment.resumed' }]);
    const parents = [first.exporter.named('Plan'), second.exporter.named(STAGE.name)].map(s => s.parentSpanContext);
    for (const parent of parents) {
      expect(parent).toMatchObject({ traceId: traceIdOf('d-1'), spanId: deploy.spanContext().spanId });
    }
  });

  test('joined: spans hang below the root, which is made by its holder alone', async () => {
    const { tracing, exporter } = harness();
    const joined = tracing.join(deploymentInfo());
    expect(joined).not.toHaveProperty('end');
    await joined.plan(() => {});
    await joined.stage(STAGE, stage => stage.step('apply', () => {}));
    await joined.step('cleanup', () => {});
    expect(exporter.spans.map(span => span.name)).toEqual(['Plan', 'apply', STAGE.name, 'cleanup']);
    expect(exporter.named(STAGE.name).parentSpanContext).toMatchObject({
      traceId: traceIdOf('d-1'),
      spanId: rootSpanIdOf('d-1'),
      isRemote: true,
    });
    expect(exporter.attributesOf('apply')).toMatchObject({ 'deployment-id': 'd-1', 'stage-id': 's-1' });
    expect(joined.traceId).toBe(traceIdOf('d-1'));
  });

  test('a sampler decides alike for the holder and for those who join', async () => {
    const sampler = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(0.5) });
    const ids = Array.from({ length: 40 }, (_, n) => `d-${n}`);
    const sampledBy = async (
      run: (tracing: ReturnType<typeof harness>['tracing'], info: DeploymentInfo) => Promise<void>,
    ) => {
      const { tracing, exporter } = harness({ sampler });
      for (const id of ids) await run(tracing, deploymentInfo({ id }));
      return new Set(exporter.spans.filter(s => s.name === STAGE.name).map(s => s.attributes['deployment-id']));
    };
    const held = await sampledBy((tracing, info) => tracing.start(info).run(d => d.stage(STAGE, () => {})));
    const joined = await sampledBy((tracing, info) => tracing.join(info).stage(STAGE, () => {}));
    expect(held.size).toBeGreaterThan(5);
    expect(held.size).toBeLessThan(35);
    expect(joined).toEqual(held);
  });

  test('a sampler that wants nothing gets nothing', async () => {
    const { tracing, exporter } = harness({ sampler: new AlwaysOffSampler() });
    await tracing.start(deploymentInfo()).run(d => d.stage(STAGE, () => {}));
    await tracing.join(deploymentInfo()).stage(STAGE, () => {});
    expect(exporter.spans).toEqual([]);
  });

  test('started under suppressed tracing, later stages do not wander into another trace', async () => {
    const manager = new AsyncLocalStorageContextManager();
    context.setGlobalContextManager(manager);
    try {
      const { tracing, exporter } = harness();
      let deployment: Deployment | undefined;
      context.with(suppressTracing(ROOT_CONTEXT), () => {
        deployment = tracing.start(deploymentInfo());
      });
      await deployment?.stage(STAGE, () => {});
      expect(exporter.spans).toEqual([]);
    } finally {
      context.disable();
    }
  });

  test('open already: start refuses, resume gives the same, and both begin anew after the end', () => {
    const { tracing, exporter } = harness();
    const deployment = tracing.start(deploymentInfo());
    expect(() => tracing.start(deploymentInfo())).toThrow(new TypeError('deployment d-1 is open already'));
    expect(tracing.resume(deploymentInfo())).toBe(deployment);
    deployment.end();
    tracing.start(deploymentInfo()).end();
    expect(exporter.spans).toHaveLength(2);
  });
});

describe('shutdown', () => {
  test('closes running work innermost first, as interrupted, and exports it; what it does later is not written', async () => {
    const lines = listen();
    const { tracing, exporter } = harness();
    let release = () => {};
    const running = tracing.start(deploymentInfo()).run(d =>
      d.stage(STAGE, stage =>
        stage.step(
          'wait',
          () =>
            new Promise<void>(resolve => {
              release = resolve;
            }),
        ),
      ),
    );
    await tracing.shutdown();
    release();
    await running;
    expect(exporter.spans.map(span => [span.name, span.events.map(event => event.name)])).toEqual([
      ['wait', ['deployment.interrupted']],
      [STAGE.name, ['deployment.interrupted']],
    ]);
    expect(exporter.closed).toBe(true);
    expect(lines).toEqual([
      '@spanpass/tracing deployment d-1 has not ended; its root span is left to whoever resumes it',
    ]);
  });

  test('the exporter option batches; forceFlush and shutdown get the last batch out', async () => {
    const exporter = new RecordingExporter();
    const tracing = createDeploymentTracing({ ...IDENTITY, exporter });
    await tracing.start(deploymentInfo()).run(() => {});
    expect(exporter.spans).toHaveLength(0);
    await tracing.forceFlush();
    expect(exporter.spans).toHaveLength(1);
    await tracing.start(deploymentInfo({ id: 'd-2' })).run(() => {});
    await tracing.shutdown();
    expect(exporter.spans).toHaveLength(2);
  });

  test('await using does it too', async () => {
    const exporter = new RecordingExporter();
    {
      await using tracing = createDeploymentTracing({ ...IDENTITY, exporter });
      await tracing.start(deploymentInfo()).run(() => {});
    }
    expect(exporter.spans).toHaveLength(1);
    expect(exporter.closed).toBe(true);
  });

  test('twice is once', async () => {
    const shutdown = vi.fn(async () => {});
    const processor: SpanProcessor = { onStart: () => {}, onEnd: () => {}, forceFlush: async () => {}, shutdown };
    const { tracing } = harness({ spanProcessors: [processor] });
    await Promise.all([tracing.shutdown(), tracing.shutdown()]);
    await tracing.shutdown();
    expect(shutdown).toHaveBeenCalledTimes(1);
  });

  test('a deployment that starts afterwards runs, and a logger hears that its spans are lost', async () => {
    const lines = listen();
    const { tracing } = harness();
    await tracing.shutdown();
    await expect(tracing.start(deploymentInfo()).run(() => 42)).resolves.toBe(42);
    expect(lines).toEqual(['@spanpass/tracing deployment d-1 starts after the shutdown: its spans go nowhere']);
  });

  test('a failing exporter: forceFlush and shutdown reject with one error, disposal reports it', async () => {
    const lines = listen();
    const failing = () => {
      const exporter = new RecordingExporter();
      const exportSpy = vi.fn<RecordingExporter['export']>((_, done) =>
        done({ code: 1, error: new Error('14 UNAVAILABLE') }),
      );
      Object.assign(exporter, { export: exportSpy });
      return createDeploymentTracing({ ...IDENTITY, exporter });
    };
    const tracing = failing();
    await tracing.start(deploymentInfo()).run(() => {});
    await expect(tracing.forceFlush()).rejects.toMatchObject({
      name: 'AggregateError',
      message: 'spans could not be exported: 14 UNAVAILABLE',
    });
    await tracing.start(deploymentInfo()).run(() => {});
    await expect(tracing.shutdown()).rejects.toThrow('14 UNAVAILABLE');
    {
      await using disposed = failing();
      await disposed.start(deploymentInfo()).run(() => {});
    }
    expect(lines.at(-1)).toContain('spans could not be exported: 14 UNAVAILABLE');
  });

  test.each(['forceFlush', 'shutdown'] as const)('%s does not wait for ever', async method => {
    const hanging: SpanProcessor = {
      onStart: () => {},
      onEnd: () => {},
      forceFlush: () => new Promise(() => {}),
      shutdown: () => new Promise(() => {}),
    };
    vi.useFakeTimers();
    try {
      const { tracing } = harness({ spanProcessors: [hanging] });
      const refused = expect(tracing[method]({ timeoutMs: 50 })).rejects.toBeInstanceOf(AggregateError);
      await vi.advanceTimersByTimeAsync(100);
      await refused;
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('said to the logger, and never thrown into a deployment', () => {
  test('what a span processor throws', async () => {
    const lines = listen();
    const fail = () => {
      throw new Error('disk full');
    };
    const processor: SpanProcessor = {
      onStart: fail,
      onEnding: fail,
      onEnd: fail,
      forceFlush: async () => {},
      shutdown: async () => {},
    };
    const { tracing } = harness({ spanProcessors: [processor] });
    await expect(tracing.start(deploymentInfo()).run(() => 42)).resolves.toBe(42);
    expect(lines).toEqual(
      ['onStart', 'onEnding', 'onEnd'].map(
        what => `@spanpass/tracing a span processor threw in ${what}: Error: disk full`,
      ),
    );
  });

  test('a second end, and an end while a stage still runs', async () => {
    const lines = listen();
    const { tracing } = harness();
    const deployment = tracing.start(deploymentInfo());
    const stage = deployment.stage(STAGE, () => Promise.resolve());
    deployment.end();
    deployment.end();
    await stage;
    expect(lines).toEqual([
      '@spanpass/tracing deployment d-1 ends while 1 spans of it are open',
      '@spanpass/tracing deployment d-1 has ended before; this end is ignored',
    ]);
  });
});
