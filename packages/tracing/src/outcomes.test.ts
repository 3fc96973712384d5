import { setTimeout as delay } from 'node:timers/promises';
import { SpanStatusCode } from '@opentelemetry/api';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Work, WorkOptions } from './api.ts';
import { CancelledError, InterruptedError } from './endings.ts';
import { deploymentInfo, harness } from './harness.test.helper.ts';

const STAGE = { id: 's-1', name: 'K8S_SYNC' };
const ERROR = (message: string) => ({ code: SpanStatusCode.ERROR, message });
const OK = { code: SpanStatusCode.OK };

/** Runs a deployment of one stage; what it throws is returned. */
async function runStage(fn: (stage: Work) => unknown, options: WorkOptions = {}) {
  const { tracing, exporter } = harness();
  const deployment = tracing.start(deploymentInfo());
  const error = await deployment
    .run(d => d.stage(STAGE, fn, options))
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  return { error, exporter };
}

describe('a stage ends as it really ended', () => {
  test('returned: the value passes through', async () => {
    const { tracing, exporter } = harness();
    const value = await tracing.start(deploymentInfo()).run(d => d.stage(STAGE, async () => 42));
    expect(value).toBe(42);
    expect(exporter.named(STAGE.name).status).toEqual(OK);
  });

  test.each([
    [
      'synchronously',
      () => {
        throw new RangeError('no such pod');
      },
    ],
    [
      'later',
      async () => {
        throw new RangeError('no such pod');
      },
    ],
  ])('thrown %s: the exception is recorded, and the same error thrown on', async (_, fn) => {
    const { error, exporter } = await runStage(fn);
    expect(error).toBeInstanceOf(RangeError);
    const span = exporter.named(STAGE.name);
    expect(span.status).toEqual(ERROR('no such pod'));
    expect(span.attributes).toMatchObject({ 'cicd.pipeline.task.run.result': 'failure', 'error.type': 'RangeError' });
    expect(span.events).toMatchObject([
      {
        name: 'exception',
        attributes: {
          'exception.type': 'RangeError',
          'exception.message': 'no such pod',
          'exception.stacktrace': expect.stringContaining('outcomes.test.ts'),
        },
      },
    ]);
  });

  test.each([undefined, null, 'boom', 0])('%j thrown is an error too', async value => {
    const { error, exporter } = await runStage(() => {
      throw value;
    });
    expect(error).toBe(value);
    expect(exporter.named(STAGE.name).status.code).toBe(SpanStatusCode.ERROR);
  });

  test.each([
    ['success', 'success', OK],
    ['failure', 'failure', ERROR('said so')],
    ['error', 'error', ERROR('said so')],
    ['timed-out', 'timeout', ERROR('said so')],
    ['cancelled', 'cancellation', ERROR('said so')],
    ['skipped', 'skip', { code: SpanStatusCode.UNSET }],
  ] as const)('settled %s', async (outcome, result, status) => {
    const { exporter } = await runStage(stage => stage.settle(outcome, 'said so'));
    const span = exporter.named(STAGE.name);
    expect(span.status).toEqual(status);
    expect(span.attributes).toMatchObject({ 'cicd.pipeline.task.run.result': result, 'spanpass.reason': 'said so' });
    const needsType = outcome === 'failure' || outcome === 'error';
    expect(span.attributes['error.type']).toBe(needsType ? '_OTHER' : undefined);
  });

  test('settled badly and then thrown: the word stands; settled well and then thrown: it does not', async () => {
    const bad = await runStage(stage => {
      stage.settle('cancelled', 'by alice');
      throw new Error('kubectl was killed');
    });
    expect(bad.exporter.named(STAGE.name).status).toEqual(ERROR('by alice'));
    const good = await runStage(stage => {
      stage.settle('skipped', 'nothing to do');
      throw new Error('boom');
    });
    expect(good.exporter.named(STAGE.name).status).toEqual(ERROR('boom'));
  });

  test('a word that is no outcome is refused', async () => {
    const { error } = await runStage(stage => stage.settle('succes' as 'success'));
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ message: expect.stringContaining('not "succes"') });
  });
});

describe('cancelled, timed out and interrupted are told apart', () => {
  afterEach(() => vi.useRealTimers());

  test('its own time limit aborts its signal', async () => {
    vi.useFakeTimers();
    const { tracing, exporter } = harness();
    const run = tracing.start(deploymentInfo()).run(d =>
      d.stage(
        STAGE,
        ({ signal }) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
          }),
        { timeoutMs: 5000 },
      ),
    );
    const refused = expect(run).rejects.toThrow('aborted');
    await vi.advanceTimersByTimeAsync(5000);
    await refused;
    expect(exporter.named(STAGE.name).status).toEqual(ERROR('timed out after 5000 ms'));
    expect(exporter.attributesOf(STAGE.name)).toMatchObject({ 'cicd.pipeline.task.run.result': 'timeout' });
    expect(exporter.named('Deploy').status).toEqual(ERROR('stage K8S_SYNC timed out: timed out after 5000 ms'));
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a stage that is through in time leaves no timer behind', async () => {
    vi.useFakeTimers();
    await runStage(() => {}, { timeoutMs: 5000 });
    await runStage(
      () => {
        throw new Error('boom');
      },
      { timeoutMs: 5000 },
    );
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a person', async () => {
    const signal = AbortSignal.abort(new CancelledError('by alice'));
    const { exporter } = await runStage(stage => delay(60_000, undefined, { signal: stage.signal }), { signal });
    expect(exporter.named(STAGE.name).status).toEqual(ERROR('by alice'));
    expect(exporter.attributesOf(STAGE.name)).toMatchObject({ 'cicd.pipeline.task.run.result': 'cancellation' });
    expect(exporter.attributesOf('Deploy')).toMatchObject({ 'cicd.pipeline.result': 'cancellation' });
    expect(exporter.attributesOf('Deploy')).not.toHaveProperty('deployment.status');
  });

  test('the caller’s signal reaches a stage with a time limit, and steps within', async () => {
    const controller = new AbortController();
    const { error } = await runStage(
      stage =>
        stage.step('wait', step => {
          controller.abort(new CancelledError('by alice'));
          step.signal.throwIfAborted();
        }),
      { signal: controller.signal, timeoutMs: 5000 },
    );
    expect(error).toMatchObject({ name: 'CancelledError', message: 'by alice' });
  });

  test('a piped that goes away: no outcome, and the root stays open', async () => {
    const { error, exporter } = await runStage(() => {
      throw new InterruptedError('upgrade');
    });
    expect(error).toBeInstanceOf(InterruptedError);
    expect(exporter.spans.map(span => span.name)).toEqual([STAGE.name]);
    const span = exporter.named(STAGE.name);
    expect(span.status).toEqual({ code: SpanStatusCode.UNSET });
    expect(span.attributes).not.toHaveProperty('cicd.pipeline.task.run.result');
    expect(span.events).toMatchObject([
      { name: 'deployment.interrupted', attributes: { 'spanpass.reason': 'upgrade' } },
    ]);
  });

  test('a stage that was done in spite of an abort succeeded', async () => {
    const { exporter } = await runStage(() => {}, { signal: AbortSignal.abort() });
    expect(exporter.named(STAGE.name).status).toEqual(OK);
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])(
    'a time limit of %d ms is refused',
    async timeoutMs => {
      const { error, exporter } = await runStage(() => {}, { timeoutMs });
      expect(error).toBeInstanceOf(TypeError);
      expect(exporter.spans.map(span => span.name)).toEqual(['Deploy']);
    },
  );
});

describe('a deployment ends as its stages ended', () => {
  const stage = (name: string, more = {}) => ({ id: name, name, ...more });
  const fail = (message: string) => () => Promise.reject(new Error(message));
  const quietly = (run: Promise<unknown>) => run.catch(() => {});

  test('a failure that was handled is still a failure; a bad rollback is named too', async () => {
    const { tracing, exporter } = harness();
    await tracing.start(deploymentInfo()).run(async d => {
      await quietly(d.stage(stage('CANARY'), fail('5xx')));
      await quietly(d.stage(stage('ROLLBACK', { rollback: true }), fail('no replica set')));
      d.cancelStage(stage('PRIMARY'), 'CANARY failed');
    });
    expect(exporter.named('Deploy').status).toEqual(
      ERROR('stage CANARY failed: 5xx; stage ROLLBACK failed: no replica set'),
    );
    expect(exporter.attributesOf('Deploy')).toMatchObject({ 'deployment.status': 'failed', 'error.type': 'Error' });
    expect(exporter.attributesOf('PRIMARY')).toMatchObject({ 'cicd.pipeline.task.run.result': 'cancellation' });
  });

  test('a stage that failed and succeeded when it ran again succeeded', async () => {
    const { tracing, exporter } = harness();
    await tracing.start(deploymentInfo()).run(async d => {
      await quietly(d.stage(stage('CANARY'), fail('5xx')));
      await d.stage(stage('CANARY'), () => {});
    });
    expect(exporter.named('Deploy').status).toEqual(OK);
  });

  test('of several that failed, the one whose last run failed first is blamed', async () => {
    const { tracing, exporter } = harness();
    await tracing.start(deploymentInfo()).run(async d => {
      await quietly(d.stage(stage('ONE'), fail('flaky')));
      await quietly(d.stage(stage('TWO'), fail('the cause')));
      await quietly(d.stage(stage('ONE'), fail('the consequence')));
    });
    expect(exporter.named('Deploy').status.message).toBe('stage TWO failed: the cause');
  });

  test('a plan that failed', async () => {
    const { tracing, exporter } = harness();
    await quietly(tracing.start(deploymentInfo()).run(d => d.plan(fail('no such revision'))));
    expect(exporter.named('Plan').status).toEqual(ERROR('no such revision'));
    expect(exporter.named('Deploy').status).toEqual(ERROR('Plan failed: no such revision'));
  });

  test('an error outside of plan and stages is recorded on the root', async () => {
    const { tracing, exporter } = harness();
    await quietly(tracing.start(deploymentInfo()).run(fail('lock lost')));
    expect(exporter.named('Deploy').status).toEqual(ERROR('lock lost'));
    expect(exporter.named('Deploy').events).toMatchObject([{ name: 'exception' }]);
  });

  test('the end that was said counts, once', async () => {
    const { tracing, exporter } = harness();
    await tracing.start(deploymentInfo()).run(d => {
      d.end('cancelled', 'by alice');
      d.end('success');
    });
    expect(exporter.spans).toHaveLength(1);
    expect(exporter.named('Deploy').status).toEqual(ERROR('by alice'));
  });

  test('end() without a word counts interrupted stages as the piped’s fault', async () => {
    const { tracing, exporter } = harness();
    const d = tracing.start(deploymentInfo());
    await quietly(d.stage(stage('CANARY'), () => Promise.reject(new InterruptedError('crash'))));
    d.end();
    expect(exporter.attributesOf('Deploy')).toMatchObject({ 'cicd.pipeline.result': 'error' });
    expect(exporter.named('Deploy').status).toEqual(ERROR('stage CANARY was interrupted: crash'));
  });

  test('a word that is no outcome is refused, and the deployment stays open', () => {
    const { tracing, exporter } = harness();
    const d = tracing.start(deploymentInfo());
    expect(() => d.end('done' as 'success')).toThrow(TypeError);
    d.end('success');
    expect(exporter.named('Deploy').status).toEqual(OK);
  });
});
