import { DiagLogLevel, diag } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { deploymentInfo, epochMs, T0 } from '../../harness.test.helper.ts';
import { rootSpanIdOf, traceIdOf } from '../../ids.ts';
import type { JournalBench } from './journal-bench.ts';

export const STAGE = { id: 's-1', name: 'K8S_SYNC' };
export const MINUTE = 60_000;
export const forever = () => new Promise<never>(() => {});

/** What is said to the `diag` logger. */
export function listen(level = DiagLogLevel.WARN): string[] {
  const lines: string[] = [];
  const say = (...parts: unknown[]) => lines.push(parts.join(' '));
  diag.setLogger({ error: say, warn: say, info: say, debug: say, verbose: say }, level);
  return lines;
}

/** Milliseconds since the start of the test's time. */
export const times = (span: ReadableSpan) => [epochMs(span.startTime) - T0, epochMs(span.endTime) - T0];
export const eventsOf = (span: ReadableSpan) => span.events.map(({ name, time }) => [name, epochMs(time) - T0]);

/** A piped that has planned, and is in the middle of a step of a stage; it was last alive a minute after the start. */
export async function inTheMiddle(bench: JournalBench) {
  const piped = bench.open();
  const deployment = piped.tracing.start(
    deploymentInfo({
      application: { id: 'app-1', kind: 'KUBERNETES', name: 'checkout' },
      pageUrl: 'https://cd.example/d-1',
      environment: 'production',
      labels: { team: 'blue' },
      attributes: { 'git.commit': 'abc' },
      links: [{ context: { traceId: traceIdOf('other'), spanId: rootSpanIdOf('other'), traceFlags: 1 } }],
    }),
  );
  await deployment.plan(() => {});
  bench.clock.nowMs += 20_000;
  deployment.approval('granted', { by: 'alice' });
  bench.clock.nowMs += 20_000;
  void deployment.stage(STAGE, stage => {
    stage.event('applying', { manifests: 3 });
    return stage.step('apply', () => {
      bench.clock.nowMs += 20_000;
      return deployment.step('wait for pods', forever);
    });
  });
  return { ...piped, deployment };
}
