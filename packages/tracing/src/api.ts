import type { Attributes, Link, Meter, Span, TracerProvider } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { Sampler, SpanExporter, SpanLimits, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { Outcome } from './outcome.ts';

/** What {@link createDeploymentTracing} takes. Give an `exporter`, or `spanProcessors`, or both. */
export interface DeploymentTracingOptions {
  /** The project that owns the piped, `[A-Za-z0-9._-]{1,64}`. Goes to the resource. */
  readonly project: string;
  /** The piped's id, `[A-Za-z0-9._-]{1,64}`. Goes to the resource. */
  readonly piped: string;
  /** The piped's own version. */
  readonly version: string;
  /** Any span exporter, such as the stock `OTLPTraceExporter`; spans go to it through a `BatchSpanProcessor`. */
  readonly exporter?: SpanExporter;
  readonly spanProcessors?: readonly SpanProcessor[];
  /** More of the resource. `OTEL_RESOURCE_ATTRIBUTES` is read too; the piped's identity wins over both. */
  readonly resource?: Resource;
  /** Default: `OTEL_TRACES_SAMPLER`, else all. A parent-based one decides once a deployment, in every process alike. */
  readonly sampler?: Sampler;
  readonly spanLimits?: SpanLimits;
  /** Where given, durations of deployments and stages are recorded as histograms, in seconds. */
  readonly meter?: Meter;
  /**
   * Makes this the process-wide tracer provider and context manager until shutdown, so that instrumentations make
   * children of stages. Default false: nothing global is touched.
   */
  readonly registerGlobally?: boolean;
  /** Milliseconds since the epoch. Default: the SDK's own clock, which does not jump within a span. */
  readonly now?: () => number;
  /**
   * Where given, it is kept on disk which spans are open, so that a killed process leaves none of them behind: see
   * {@link DeploymentTracing.recover}. Default: none.
   */
  readonly journal?: JournalOptions;
}

export interface JournalOptions {
  /** Made if it is not there. On a disk that outlives the process. Processes may share it, those of other pipeds too. */
  readonly folder: string;
  /** How much this process writes at most. Spans beyond it are traced, but not recovered. Default 8 MiB. */
  readonly maxBytes?: number;
  /**
   * How long a deployment that a process left open waits for somebody to resume or end it, in milliseconds. Then it is
   * closed as interrupted. Default 300 000.
   */
  readonly graceMs?: number;
}

export interface DeploymentTracing extends AsyncDisposable {
  /** For other instrumentation that should use the same ids, resource and exporters. */
  readonly tracerProvider: TracerProvider;
  /** Begins a deployment. @throws TypeError where the description is not usable, or the deployment is open here already. */
  start(deployment: DeploymentInfo): Deployment;
  /**
   * Takes a deployment up that another process, or this one before its restart, began and did not end. Say `startedAt`,
   * so that its root span covers the whole of it. Where it is open in this process, that one is returned.
   */
  resume(deployment: DeploymentInfo): Deployment;
  /** Adds spans to a deployment that another process holds: they hang below a root span that is not made here. */
  join(deployment: DeploymentInfo): JoinedDeployment;
  /**
   * Deployments of this piped that a dead process left open, and that are not resumed or ended yet. Needs the `journal`;
   * without one there are none.
   *
   * When a tracing is created, spans of dead processes below a `Deploy` are closed as interrupted, at the time at which
   * their process was last known to be alive. `Deploy` itself waits: `resume` and `start` go on with it under its
   * original start, attributes and events, whether they are called here or on the tracing. A deployment that was
   * suspended is found here as well, once the process that suspended it is gone.
   *
   * @param decide Asked about each of them, now and as long as this tracing lives, since in some environments (another
   *   container, say) it takes half a minute to tell that a process is dead. It may leave one for later.
   */
  recover(decide?: (deployment: InterruptedDeployment) => void | Promise<void>): readonly InterruptedDeployment[];
  /** Exports all ended spans. Rejects with an `AggregateError` where that fails or takes longer (default 30 000 ms). */
  forceFlush(options?: { readonly timeoutMs?: number }): Promise<void>;
  /**
   * Suspends what is open (see {@link Deployment.suspend}), exports, and closes the exporters. Rejects like
   * {@link forceFlush}. `await using` does the same, but reports failures to OpenTelemetry's `diag` logger only, since
   * a deployment is no failure because its telemetry was.
   */
  shutdown(options?: { readonly timeoutMs?: number }): Promise<void>;
}

/** A deployment whose process is gone. */
export interface InterruptedDeployment {
  readonly id: string;
  /** As it was started. Its root span keeps its attributes and links by itself. */
  readonly info: DeploymentInfo;
  /** When its process last gave a sign of life; where it was suspended, when. */
  readonly lastAliveAt: Date;
  /** `process ended`, or why it was suspended. */
  readonly reason: string;
  /** They ran when the process went away, and are closed as interrupted. */
  readonly openStages: readonly StageInfo[];
  /** The same as {@link DeploymentTracing.resume} with its {@link info}. */
  resume(): Deployment;
  /** Closes its root span. Default of `endedAt`: {@link lastAliveAt}. */
  end(outcome: Outcome, reason?: string, endedAt?: Date): void;
}

export interface DeploymentInfo {
  /** Trace id and root span id follow from it. 1 to 256 characters. */
  readonly id: string;
  readonly application: {
    readonly id: string;
    /** `KUBERNETES`, `TERRAFORM`, … */
    readonly kind: string;
    readonly name?: string;
  };
  /** Where people look at this deployment. */
  readonly pageUrl?: string;
  /** `production`, `staging`, … */
  readonly environment?: string;
  /** On the root span, as PipeCD writes them (`k=v,k=v`), but in a fixed order. */
  readonly labels?: Readonly<Record<string, string>>;
  /** More attributes of the root span. */
  readonly attributes?: Attributes;
  readonly links?: readonly Link[];
  /** Default: now. */
  readonly startedAt?: Date;
}

export interface StageInfo {
  readonly id: string;
  /** Becomes the span's name, so keep it one of few: `K8S_CANARY_ROLLOUT`, not `rollout of 3 pods`. */
  readonly name: string;
  /** The stage undoes what stages before it did. */
  readonly rollback?: boolean;
  readonly pageUrl?: string;
  readonly attributes?: Attributes;
}

export interface WorkOptions {
  /** Aborting it cancels the work, or times it out, or interrupts it, by the reason it is aborted with. */
  readonly signal?: AbortSignal;
  /** After this many milliseconds the work's own `signal` is aborted, and the work ends as timed out. */
  readonly timeoutMs?: number;
}

/** A plan, a stage, or a step while it runs. */
export interface Work {
  readonly span: Span;
  /** Hand it to whatever the work waits for. Aborted by the given signal, or when the time is over. */
  readonly signal: AbortSignal;
  /** A child span around `fn`, below the step that is active, or else below this piece of work. */
  step<T>(name: string, fn: (step: Work) => T | Promise<T>, options?: { readonly attributes?: Attributes }): Promise<T>;
  event(name: string, attributes?: Attributes): void;
  approval(what: 'requested' | 'granted' | 'denied', details?: ApprovalDetails): void;
  /**
   * Says how the work ends, where returning (success) or throwing (failure) does not say it. Takes effect when `fn` is
   * through. An error thrown after a good outcome was settled still makes it a failure.
   */
  settle(outcome: Outcome, reason?: string): void;
}

export interface ApprovalDetails {
  /** Who decided. */
  readonly by?: string;
  /** Who may decide. */
  readonly approvers?: readonly string[];
  /** How many have to agree. */
  readonly required?: number;
  readonly comment?: string;
}

/** A deployment whose root span another process holds. */
export interface JoinedDeployment {
  readonly id: string;
  readonly traceId: string;
  /** The span `Plan` around `fn`. Resolves and rejects as `fn` does. */
  plan<T>(fn: (plan: Work) => T | Promise<T>, options?: WorkOptions): Promise<T>;
  /** The stage's span around `fn`. Resolves and rejects as `fn` does; the same stage may run again. */
  stage<T>(stage: StageInfo, fn: (stage: Work) => T | Promise<T>, options?: WorkOptions): Promise<T>;
  /** A stage that was not run, because there was nothing to do. */
  skipStage(stage: StageInfo, reason?: string): void;
  /** A stage that was not run, because somebody stopped the deployment before. */
  cancelStage(stage: StageInfo, reason?: string): void;
  /** A child span of the root, for work that is neither plan nor stage; inside of one it hangs there. */
  step<T>(name: string, fn: (step: Work) => T | Promise<T>, options?: { readonly attributes?: Attributes }): Promise<T>;
}

export interface Deployment extends JoinedDeployment {
  /** The root span. */
  readonly span: Span;
  /**
   * Runs `fn` with the root span active, then ends the deployment: as its stages ended, or as the error that `fn` threw
   * says, which is thrown on. An {@link InterruptedError} suspends it instead.
   */
  run<T>(fn: (deployment: Deployment) => T | Promise<T>): Promise<T>;
  event(name: string, attributes?: Attributes): void;
  approval(what: 'requested' | 'granted' | 'denied', details?: ApprovalDetails): void;
  /**
   * Ends the root span; the first end counts. Without an outcome, the stages say it: the first stage whose last run went
   * wrong decides, and names itself in the reason; otherwise it is a success.
   */
  end(outcome?: Outcome, reason?: string): void;
  /**
   * Lets go of the deployment without ending it, for a later {@link DeploymentTracing.resume}. Spans of stages that run
   * are closed here, with no outcome; the root span is left to whoever resumes, so that it is exported once only. With a
   * `journal`, it is kept on disk for any process of this piped that shares the folder.
   */
  suspend(reason?: string): void;
}
