import { createEndpoint, type Endpoint, type EndpointOptions } from '../keys/endpoint.ts';
import { wholeNumber } from '../options.ts';
import type { UsageBook } from './usage-book.ts';

export interface UsageReporterOptions {
  readonly controlPlane: EndpointOptions;
  readonly book: UsageBook;
  /** How often it reports, in milliseconds. Default 30,000, a tenth more or less. */
  readonly everyMs?: number;
  /** From 0 to 1. Default `Math.random`. */
  readonly random?: () => number;
  /** Told of the first report of a row that failed, and why: the status of the answer, or the error. */
  readonly onProblem?: (problem: unknown) => void;
}

/** As many as the control plane takes at once. */
const MAX_ENTRIES = 500;
/** Of one round; what is left waits for the next one. */
const MAX_REPORTS = 50;
const TIMEOUT_MS = 5000;
const LAST_TIMEOUT_MS = 1000;

/**
 * Reports to the control plane which keys were used and what was refused, every now and then and at the end. No check
 * waits for it, and none depends on it: what can't be reported is kept within the bounds of the book, then dropped.
 */
export class UsageReporter implements AsyncDisposable {
  readonly #endpoint: Endpoint;
  readonly #options: UsageReporterOptions;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;
  #underWay: Promise<void> = Promise.resolve();
  #failing = false;
  #closed = false;

  /** @throws TypeError for options that can't be meant */
  constructor(options: UsageReporterOptions) {
    this.#options = options;
    this.#everyMs = wholeNumber('everyMs', options.everyMs ?? 30_000);
    this.#endpoint = createEndpoint(options.controlPlane);
  }

  start(): void {
    if (this.#timer === undefined) this.#schedule();
  }

  /** Reports what there is. Never rejects. */
  report(timeoutMs = TIMEOUT_MS): Promise<void> {
    this.#underWay = this.#underWay.then(() => this.#reportAll(timeoutMs));
    return this.#underWay;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.report(LAST_TIMEOUT_MS);
    this.#endpoint.close();
  }

  #schedule(): void {
    if (this.#closed) return;
    const { random = Math.random } = this.#options;
    // Servers that were started together do not report together.
    const waitMs = this.#everyMs * (0.9 + 0.2 * random());
    this.#timer = setTimeout(() => void this.report().then(() => this.#schedule()), waitMs);
    this.#timer.unref();
  }

  async #reportAll(timeoutMs: number): Promise<void> {
    const { book, onProblem } = this.#options;
    const signal = AbortSignal.timeout(timeoutMs);
    for (let reports = 0; reports < MAX_REPORTS && !book.isEmpty; reports++) {
      const report = book.take(MAX_ENTRIES);
      const problem = await this.#send(report, signal);
      if (problem === undefined) {
        this.#failing = false;
        continue;
      }
      book.putBack(report);
      if (!this.#failing) onProblem?.(problem);
      this.#failing = true;
      return;
    }
  }

  async #send(report: unknown, signal: AbortSignal): Promise<unknown> {
    try {
      const response = await this.#endpoint.post('/v1/reports/usage', report, { signal });
      response.resume();
      return response.statusCode === 200 ? undefined : response.statusCode;
    } catch (error) {
      return error;
    }
  }
}
