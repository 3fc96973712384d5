import { SpanKind, type TracerProvider, trace } from '@opentelemetry/api';
import { BasicTracerProvider, BatchSpanProcessor, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { ActiveContext } from './active-context.ts';
import type {
  Deployment,
  DeploymentInfo,
  DeploymentTracing,
  DeploymentTracingOptions,
  InterruptedDeployment,
  JoinedDeployment,
} from './api.ts';
import { rootAttributes } from './attributes.ts';
import { checkDeployment, checkOptions, checkTimeout } from './check.ts';
import { guarded } from './guarded-processor.ts';
import { HeldDeployment } from './held-deployment.ts';
import { DeploymentIdGenerator } from './id-generator.ts';
import { rootSpanIdOf, traceIdOf } from './ids.ts';
import type { Journal } from './journal/journal.ts';
import { aroundExporters } from './journal/journal-processors.ts';
import { openJournal } from './journal/open-journal.ts';
import { Rebuilder } from './journal/rebuilder.ts';
import { Recovery } from './journal/recovery.ts';
import type { Kit } from './kit.ts';
import { log } from './log.ts';
import { durationsWith } from './metrics.ts';
import { EVENT, SCHEMA_URL, SCOPE_NAME, SCOPE_VERSION, SPAN_DEPLOY } from './names.ts';
import { registerGlobally } from './registration.ts';
import { pipedResource } from './resource.ts';
import { settledWithin } from './settled.ts';
import { SpansBelowRoot } from './spans-below-root.ts';
import { DeploymentTagsProcessor } from './tags.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_GRACE_MS = 300_000;

/**
 * Traces of deployments, for one piped: one trace and one root span a deployment, whichever processes work on it, with
 * `Plan` and the stages below. Nothing global is touched unless `registerGlobally` says so.
 *
 * @throws TypeError for options that are not usable.
 * @example
 * await using tracing = createDeploymentTracing({ project: 'shop', piped: 'edge-1', version: '1.0.0', exporter });
 * await tracing.start({ id: 'd-1', application: { id: 'app-1', kind: 'KUBERNETES' } }).run(async deployment => {
 *   await deployment.plan(() => decide());
 *   await deployment.stage({ id: 's-1', name: 'K8S_SYNC' }, stage => sync({ signal: stage.signal }));
 * });
 */
export function createDeploymentTracing(options: DeploymentTracingOptions): DeploymentTracing {
  checkOptions(options);
  return new Tracing(options);
}

class Tracing implements DeploymentTracing {
  readonly tracerProvider: TracerProvider;
  readonly #provider: BasicTracerProvider;
  readonly #kit: Kit;
  readonly #held = new Map<string, HeldDeployment>();
  readonly #recovery: Recovery | undefined;
  readonly #unregister: () => void;
  #shutdown: Promise<void> | undefined;

  constructor(options: DeploymentTracingOptions) {
    const { now, sampler, project, piped, version } = options;
    const nowMs = now ?? Date.now;
    const header = { project, piped, version };
    const open = options.journal && openJournal(options.journal, header, nowMs);
    const ids = new DeploymentIdGenerator();
    const active = new ActiveContext();
    const sampling = { idGenerator: ids, ...(sampler && { sampler }) };
    const exporting = {
      resource: pipedResource(options, options.resource),
      spanProcessors: processorsOf(options, open?.journal),
      ...(options.spanLimits && { spanLimits: options.spanLimits }),
    };
    this.#provider = new BasicTracerProvider({ ...sampling, ...exporting });
    this.tracerProvider = this.#provider;
    this.#kit = {
      tracer: scoped(this.#provider),
      ids,
      active,
      durations: durationsWith(options.meter),
      time: () => (now ? new Date(now()) : undefined),
      nowMs,
      journal: open?.journal,
      flagsOf: flagsBy(new BasicTracerProvider(sampling), ids),
    };
    this.#unregister = options.registerGlobally ? registerGlobally(this.#provider, active) : () => {};
    this.#recovery =
      open &&
      new Recovery({
        ...open,
        header,
        kit: this.#kit,
        rebuilder: new Rebuilder(exporting, ids, version),
        graceMs: options.journal?.graceMs ?? DEFAULT_GRACE_MS,
        resume: info => this.resume(info),
      });
  }

  start(info: DeploymentInfo): Deployment {
    checkDeployment(info);
    if (this.#held.has(info.id)) throw new TypeError(`deployment ${info.id} is open already`);
    return this.#hold(info);
  }

  resume(info: DeploymentInfo): Deployment {
    checkDeployment(info);
    const held = this.#held.get(info.id);
    if (held) return held;
    return this.#hold(info, true);
  }

  join(info: DeploymentInfo): JoinedDeployment {
    checkDeployment(info);
    const root = trace.wrapSpanContext({
      traceId: traceIdOf(info.id),
      spanId: rootSpanIdOf(info.id),
      traceFlags: this.#kit.flagsOf(info),
      isRemote: true,
    });
    return new SpansBelowRoot(this.#kit, info, root);
  }

  recover(decide?: Parameters<DeploymentTracing['recover']>[0]): readonly InterruptedDeployment[] {
    return this.#recovery?.recover(decide) ?? [];
  }

  async forceFlush({ timeoutMs = DEFAULT_TIMEOUT_MS } = {}): Promise<void> {
    checkTimeout('timeoutMs', timeoutMs);
    await settledWithin(timeoutMs, 'spans could not be exported', () =>
      this.#provider.forceFlush({ timeoutMillis: timeoutMs }),
    );
  }

  async shutdown({ timeoutMs = DEFAULT_TIMEOUT_MS } = {}): Promise<void> {
    checkTimeout('timeoutMs', timeoutMs);
    this.#shutdown ??= this.#close(timeoutMs);
    return this.#shutdown;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown().catch((error: unknown) => log.error(String(error)));
  }

  #hold(info: DeploymentInfo, isResumed = false): HeldDeployment {
    if (this.#shutdown) log.error(`deployment ${info.id} starts after the shutdown: its spans go nowhere`);
    const restored = this.#recovery?.restored(info, isResumed);
    const deployment = new HeldDeployment(this.#kit, info, id => this.#held.delete(id), restored);
    this.#held.set(info.id, deployment);
    if (isResumed || restored) deployment.event(EVENT.resumed);
    return deployment;
  }

  async #close(timeoutMs: number): Promise<void> {
    for (const deployment of [...this.#held.values()]) {
      log.warn(`deployment ${deployment.id} has not ended; its root span is left to whoever resumes it`);
      deployment.suspend('the piped shut down');
    }
    this.#unregister();
    try {
      await this.forceFlush({ timeoutMs });
    } finally {
      await settledWithin(timeoutMs, 'exporters could not be closed', () => this.#provider.shutdown()).finally(() =>
        this.#recovery?.close(),
      );
    }
  }
}

function processorsOf(
  { exporter, spanProcessors = [] }: DeploymentTracingOptions,
  journal: Journal | undefined,
): SpanProcessor[] {
  const all = [...spanProcessors, ...(exporter ? [new BatchSpanProcessor(exporter)] : [])].map(guarded);
  return [new DeploymentTagsProcessor(), ...(journal ? aroundExporters(journal, all) : all)];
}

function scoped(provider: BasicTracerProvider) {
  return provider.getTracer(SCOPE_NAME, SCOPE_VERSION, { schemaUrl: SCHEMA_URL });
}

/**
 * Whether the holder of the root samples the deployment follows from the sampler and the trace id, so a provider that
 * exports nothing answers it, without a second root span in the way of the processors.
 */
function flagsBy(provider: BasicTracerProvider, ids: DeploymentIdGenerator): Kit['flagsOf'] {
  const tracer = scoped(provider);
  return info => {
    const options = { root: true, kind: SpanKind.SERVER, attributes: rootAttributes(info) };
    return ids.rootOf(info.id, () => tracer.startSpan(SPAN_DEPLOY, options)).spanContext().traceFlags;
  };
}
