import fs from 'node:fs';
import { join } from 'node:path';
import { type ReadableSpan, SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { DeploymentTracing } from '../api.ts';
import { scratchFolder, seeded } from '../durable/testing/scratch.ts';
import { watchChanges } from '../durable/testing/watch-changes.ts';
import { deploymentInfo, IDENTITY, T0 } from '../harness.test.helper.ts';
import { createDeploymentTracing } from '../tracing.ts';
import { copyAsOfDeadProcesses, type ExportedSpan, exported, flawsOf } from './testing/journal-bench.ts';

/*
 * A killed process leaves exactly what its system calls did. So a copy of the folder before each call that changes
 * something, and before and after each export, is every state that a kill can leave; and in each of them the next
 * process is started, and killed at its calls in turn.
 */
const CHANGES = ['writeSync', 'renameSync', 'unlinkSync', 'openSync', 'writeFileSync'] as const;

interface CrashState {
  readonly at: string;
  readonly folder: string;
  readonly spans: readonly ExportedSpan[];
  readonly started: readonly string[];
}

let scratch: ReturnType<typeof scratchFolder>;
let nowMs = T0;
let stateCount = 0;
beforeEach(() => {
  stateCount = 0;
  scratch = scratchFolder({ fast: true });
  nowMs = T0;
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  scratch[Symbol.dispose]();
});

type Process = (tracing: DeploymentTracing, started: string[]) => Promise<void> | void;

/** Runs a process, and answers all states in which a kill could leave things. */
async function statesOf(before: CrashState, run: Process): Promise<CrashState[]> {
  const states: CrashState[] = [];
  await ran(before, run, (at, spans, started) => {
    const folder = join(scratch.path, `state-${stateCount++}`);
    if (fs.existsSync(before.folder)) copyAsOfDeadProcesses(before.folder, folder);
    states.push({ at, folder, spans: [...spans], started: [...started] });
  });
  return states;
}

/** Runs a process; answers what has been exported in the end. */
async function ran(
  before: CrashState,
  run: Process,
  remember: (at: string, spans: ExportedSpan[], started: string[]) => void = () => {},
): Promise<ExportedSpan[]> {
  const spans = [...before.spans];
  const started = [...before.started];
  const exporter: SpanExporter = {
    export: (batch: ReadableSpan[], done) => {
      remember('before an export', spans, started);
      spans.push(...batch.map(exported));
      remember('after an export', spans, started);
      done({ code: 0 });
    },
    shutdown: async () => {},
  };
  using _watch = watchChanges(CHANGES, call => remember(call, spans, started));
  const tracing = createDeploymentTracing({
    ...IDENTITY,
    spanProcessors: [new SimpleSpanProcessor(exporter)],
    now: () => ++nowMs,
    journal: { folder: before.folder, graceMs: 0 },
  });
  await run(tracing, started);
  await tracing.shutdown();
  remember('at the end', spans, started);
  return spans;
}

async function work(tracing: DeploymentTracing, started: string[]): Promise<void> {
  const begin = (id: string) => {
    const deployment = tracing.start(deploymentInfo({ id }));
    started.push(id);
    return deployment;
  };
  const first = begin('d-1');
  await first.plan(plan => plan.step('load', () => {}));
  await first.stage({ id: 's-1', name: 'CANARY' }, async stage => {
    stage.approval('granted', { by: 'alice' });
    const second = begin('d-2');
    await second.stage({ id: 's-1', name: 'OTHER' }, async () => {
      await stage.step('apply', () => second.step('below', () => {}));
      second.suspend('for a while');
    });
  });
  await first.stage({ id: 's-2', name: 'FAILS' }, () => Promise.reject(new Error('no'))).catch(() => {});
  first.end();
  begin('d-3').event('waits');
  await tracing.resume(deploymentInfo({ id: 'd-2' })).stage({ id: 's-1', name: 'OTHER' }, () => {});
}

/** What the next process does with what it finds: it depends on the run, so that all is tried. */
const comeback = (kind: number) => (tracing: DeploymentTracing) => {
  if (kind === 0) tracing.recover(found => found.resume().end());
  if (kind === 1) tracing.recover(found => found.end('failure', 'gone'));
  if (kind === 2) vi.advanceTimersByTime(1_000);
  if (kind === 3) tracing.recover();
};

/** One process after the other, until nothing is left. */
async function whole(state: CrashState, kind: number): Promise<ExportedSpan[]> {
  const spans = await ran(state, comeback(kind));
  const rest = await ran({ ...state, spans }, comeback(1));
  expect(fs.readdirSync(state.folder)).toEqual(['owners']);
  fs.rmSync(state.folder, { recursive: true });
  return rest;
}

function expectWhole(state: CrashState, spans: readonly ExportedSpan[]): void {
  expect({ at: state.at, flaws: flawsOf(spans) }).toEqual({ at: state.at, flaws: [] });
  const roots = new Set(spans.filter(span => span.parentId === undefined).map(span => span.traceId));
  expect(roots.size).toBeGreaterThanOrEqual(state.started.length);
}

const nothing = (): CrashState => ({ at: '', folder: join(scratch.path, 'first'), spans: [], started: [] });

test('whatever call a kill comes before, the next process leaves whole trees', { timeout: 60_000 }, async () => {
  const states = await statesOf(nothing(), work);
  expect(states.length).toBeGreaterThan(100);
  for (const [index, state] of states.entries()) expectWhole(state, await whole(state, index % 4));
});

test('and if the next one is killed as well, the one after it', { timeout: 60_000 }, async () => {
  const random = seeded(6);
  const states = await statesOf(nothing(), work);
  let count = 0;
  for (const state of states.filter(() => random() < 0.15)) {
    const kind = Math.floor(random() * 3);
    const second = await statesOf(state, comeback(kind));
    for (const next of second) expectWhole(next, await whole(next, Math.floor(random() * 4)));
    count += second.length;
  }
  expect(count).toBeGreaterThan(200);
});
