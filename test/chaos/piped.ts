/**
 * A piped as a process of its own, to be killed: it deploys without end, and says on standard output, after the fact, what
 * became of each span that ended. `SIGTERM` lets what runs come to its end.
 *
 *   node test/dist/chaos/piped.js '{…}'
 */
import { readFileSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { createClient } from '@spanpass/client';
import { createDeploymentTracing, type Deployment } from '@spanpass/tracing';
import { createDurableExport } from '@spanpass/tracing/durable';
import { randomOf } from '../harness/random.ts';

export interface PipedOptions {
  readonly name: string;
  /** `sidecar`: the stock exporter to a sidecar on this machine, repeated until it has acknowledged. */
  readonly exporter: 'durable' | 'stock' | 'sidecar';
  readonly keyFile: string;
  /** The gateway, or the sidecar. */
  readonly sendTo: string;
  readonly folder: string;
  readonly deploymentsPerSecond: number;
  readonly seed: number;
  /** Beyond it, its spool refuses what is new. Default: the usual bound, which drops the oldest. */
  readonly spoolMaxBytes?: number;
  /** Whom it says it is; whose key it has is another matter. */
  readonly claims: { readonly project: string; readonly piped: string };
  /** Holds how many milliseconds the client's clock is off. */
  readonly clockFile: string;
}

const options = JSON.parse(process.argv[2] ?? '{}') as PipedOptions;
const random = randomOf(options.seed);
const { keyFile, sendTo: url, folder } = options;
const pass = createClient({ keyFile, now: () => Date.now() + clockOffMs() });

/** Stored or refused by the spool, or acknowledged by the sidecar; handed over, where the stock exporter is alone. */
type Fate = 'stored' | 'refused';

function tell(fate: Fate, span: ReadableSpan): void {
  const { traceId, spanId } = span.spanContext();
  const [seconds, nanos] = span.endTime;
  say(`${fate} ${traceId} ${spanId} ${Math.round(seconds * 1e3 + nanos / 1e6)}\n`);
}

/** At once and whole, so that a kill takes nothing back; a pipe whose reader is slow says EAGAIN. */
function say(line: string): void {
  for (let from = 0; from < line.length; ) {
    try {
      from += writeSync(1, line.slice(from));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

function clockOffMs(): number {
  try {
    return Number(readFileSync(options.clockFile, 'utf8')) || 0;
  } catch {
    return 0;
  }
}

function durable(): SpanProcessor {
  const { spanProcessor, spool } = createDurableExport({
    endpoint: url,
    credentials: pass.exportCredentials(),
    spool: {
      folder: `${folder}/spool`,
      ...(options.spoolMaxBytes && { maxBytes: options.spoolMaxBytes, whenFull: 'refuse' }),
    },
    lingerMs: 100,
    timeoutMs: 3_000,
    retry: { initialBackoffMs: 200, maxBackoffMs: 1_000, slowRetryMs: 1_000 },
    env: {},
  });
  return {
    onStart() {},
    onEnd(span) {
      const before = spool.stats().appended.records;
      spanProcessor.onEnd(span);
      tell(spool.stats().appended.records > before ? 'stored' : 'refused', span);
    },
    forceFlush: () => spanProcessor.forceFlush(),
    shutdown: () => spanProcessor.shutdown(),
  };
}

function stock(): SpanProcessor {
  const exporter = new OTLPTraceExporter({ url, credentials: pass.credentialsFor(url) });
  const batches = new BatchSpanProcessor(exporter, { scheduledDelayMillis: 1_000 });
  return {
    onStart: (span, context) => batches.onStart(span, context),
    onEnd(span) {
      batches.onEnd(span);
      tell('stored', span);
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
  };
}

function throughSidecar(): SpanProcessor {
  const exporter = new OTLPTraceExporter({ url });
  const untilAcknowledged = (spans: ReadableSpan[], done: Parameters<SpanExporter['export']>[1]) => {
    exporter.export(spans, result => {
      if (result.code !== 0 && !stopped) {
        setTimeout(() => untilAcknowledged(spans, done), 200);
        return;
      }
      if (result.code === 0) for (const span of spans) tell('stored', span);
      done(result);
    });
  };
  let stopped = false;
  return new BatchSpanProcessor(
    {
      export: untilAcknowledged,
      async shutdown() {
        stopped = true;
        await exporter.shutdown();
      },
    },
    { scheduledDelayMillis: 200 },
  );
}

const processors = { durable, stock, sidecar: throughSidecar };
const isDurable = options.exporter === 'durable';
const tracing = createDeploymentTracing({
  ...options.claims,
  version: '1.0.0',
  spanProcessors: [processors[options.exporter]()],
  ...(isDurable && { journal: { folder: `${folder}/journal` } }),
});
tracing.recover(found => found.end('error', 'the piped was killed'));

const pause = () => delay(20 + random() * 180);

async function deploy(deployment: Deployment): Promise<void> {
  await deployment.run(async () => {
    await deployment.plan(plan => plan.step('load manifests', pause));
    await deployment.stage({ id: 's-1', name: 'K8S_CANARY_ROLLOUT' }, async stage => {
      await stage.step('apply manifests', pause);
      if (random() < 0.1) throw new Error('ImagePullBackOff');
    });
    await deployment.stage({ id: 's-2', name: 'K8S_PRIMARY_ROLLOUT' }, pause);
  });
}

let stopping = false;
process.on('SIGTERM', () => {
  stopping = true;
});
const running = new Set<Promise<void>>();
for (let count = 0; !stopping; count++) {
  const id = `${options.name}-${process.pid}-${count}`;
  const deployment = tracing.start({ id, application: { id: 'app-1', kind: 'KUBERNETES' } });
  const run = deploy(deployment).catch(() => {});
  running.add(run);
  void run.finally(() => running.delete(run));
  if (count === 0) say('ready\n');
  await delay(1_000 / options.deploymentsPerSecond);
}
await Promise.all(running);
await tracing.shutdown().catch(() => {});
await pass[Symbol.asyncDispose]();
