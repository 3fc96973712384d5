import { openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import type { Deployment, DeploymentTracing } from '../../api.ts';
import { createDurableExport } from '../../durable/durable-export.ts';
import { seeded } from '../../durable/testing/scratch.ts';
import { createDeploymentTracing } from '../../tracing.ts';
import { exported } from './journal-bench.ts';

/**
 * A piped to be killed: runs deployments side by side, and takes up what killed ones left. It writes each span to a file
 * as it gets it, so nothing that was exported is lost with it.
 */
export interface PipedChildOptions {
  readonly folder: string;
  readonly seed: number;
  /** Gets one span a line, as JSON. */
  readonly spansFile: string;
  /** Gets the id of each deployment whose start has returned. */
  readonly startedFile: string;
  /** Where spans are sent as well, by way of a spool, before they are written to the file. */
  readonly durable?: { readonly endpoint: string; readonly spoolFolder: string };
  /** Only ends what others left. */
  readonly finish?: boolean;
}

const SIDE_BY_SIDE = 4;

let random: () => number;
const pause = () => (random() < 0.5 ? delay(random() * 4) : undefined);

async function main({ folder, seed, spansFile, startedFile, durable, finish }: PipedChildOptions): Promise<void> {
  random = seeded(seed);
  const [spans, started] = [openSync(spansFile, 'a'), openSync(startedFile, 'a')];
  process.stdout.write('ready\n');
  const tracing = createDeploymentTracing({
    project: 'shop',
    piped: 'edge-1',
    version: '1.0.0',
    spanProcessors: [...(durable ? [durableProcessor(durable)] : []), new SimpleSpanProcessor(fileExporter(spans))],
    journal: { folder, graceMs: 600_000 },
  });
  if (finish) {
    for (const found of tracing.recover()) found.end('error', 'left behind');
    await tracing.shutdown();
    return;
  }
  tracing.recover(found => {
    const choice = random();
    if (choice < 0.4) void finished(tracing, found.resume());
    else if (choice < 0.7) found.end('failure', 'not again');
  });
  setInterval(() => tracing.recover(), 20);
  for (let lane = 0; lane < SIDE_BY_SIDE; lane++) void deployForEver(tracing, `${seed}-${lane}`, started);
}

function durableProcessor({ endpoint, spoolFolder: folder }: NonNullable<PipedChildOptions['durable']>): SpanProcessor {
  return createDurableExport({ endpoint, spool: { folder }, lingerMs: 10, env: {} }).spanProcessor;
}

function fileExporter(file: number): SpanExporter {
  return {
    export: (batch: ReadableSpan[], done) => {
      writeSync(file, batch.map(span => `${JSON.stringify(exported(span))}\n`).join(''));
      done({ code: 0 });
    },
    shutdown: async () => {},
  };
}

async function deployForEver(tracing: DeploymentTracing, name: string, started: number): Promise<void> {
  for (let n = 0; ; n++) {
    const info = { id: `${name}-${n}`, application: { id: 'app-1', kind: 'KUBERNETES' }, labels: { n: String(n) } };
    let deployment = tracing.start(info);
    writeSync(started, `${info.id}\n`);
    await deployment.plan(plan => plan.step('load', pause));
    if (random() < 0.3) {
      deployment.suspend('for a while');
      await pause();
      deployment = tracing.resume(info);
    }
    await finished(tracing, deployment);
  }
}

async function finished(tracing: DeploymentTracing, deployment: Deployment): Promise<void> {
  const { id, application } = { id: deployment.id, application: { id: 'app-1', kind: 'KUBERNETES' } };
  const stages = Array.from({ length: 3 }, (_, n) => ({ id: `s-${n}`, name: `STAGE_${n}` }));
  await Promise.all(
    stages.map(stage =>
      deployment.stage(stage, async work => {
        work.event('begun', { n: random() });
        await work.step('apply', async step => {
          await pause();
          await step.step('wait', pause);
        });
        work.settle(random() < 0.2 ? 'failure' : 'success', 'as it came');
      }),
    ),
  );
  await tracing.join({ id, application }).step('joined', pause);
  deployment.approval('granted', { by: 'alice' });
  await pause();
  deployment.end();
}

await main(JSON.parse(process.argv[2] ?? '{}') as PipedChildOptions);
