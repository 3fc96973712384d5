import { type IdGenerator, RandomIdGenerator } from '@opentelemetry/sdk-trace-base';
import { rootSpanIdOf, traceIdOf } from './ids.ts';

/**
 * Random ids for every span, except for roots of deployments, which get the ids that follow from the deployment's id.
 *
 * The SDK takes a trace id from nowhere but a valid parent or its id generator, and a root has no parent. Give one to
 * `BasicTracerProvider({ idGenerator })` and start each root inside {@link rootOf}.
 *
 * @example
 * const ids = new DeploymentIdGenerator();
 * const provider = new BasicTracerProvider({ idGenerator: ids, spanProcessors });
 * const root = ids.rootOf('d-1', () => provider.getTracer('piped').startSpan('Deploy', { root: true }));
 */
export class DeploymentIdGenerator implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  #traceId: string | undefined;
  #spanId: string | undefined;

  /**
   * Runs `start`, whose first root span becomes the deployment's. Starting a span is synchronous, and each id is handed
   * out once, so deployments that start side by side cannot take each other's ids.
   */
  rootOf<T>(deploymentId: string, start: () => T): T {
    return this.as({ traceId: traceIdOf(deploymentId), spanId: rootSpanIdOf(deploymentId) }, start);
  }

  /** Runs `start`, whose first span gets these ids: the trace id only if it is a root. */
  as<T>({ traceId, spanId }: { readonly traceId: string; readonly spanId: string }, start: () => T): T {
    const outer = [this.#traceId, this.#spanId] as const;
    this.#traceId = traceId;
    this.#spanId = spanId;
    try {
      return start();
    } finally {
      [this.#traceId, this.#spanId] = outer;
    }
  }

  generateTraceId(): string {
    const id = this.#traceId ?? this.#random.generateTraceId();
    this.#traceId = undefined;
    return id;
  }

  generateSpanId(): string {
    const id = this.#spanId ?? this.#random.generateSpanId();
    this.#spanId = undefined;
    return id;
  }
}
