import { idSchema, isBcryptHash, MAX_PIPECD_KEYS, scopesSchema } from '@spanpass/credential';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { untilAborted } from '../../check-deadline.ts';
import type { Freshness } from '../../keys/change-feed.ts';
import type { Change } from '../../keys/changes.ts';
import { createEndpoint, type Endpoint, type EndpointOptions } from '../../keys/endpoint.ts';
import { readBody } from '../../keys/read-body.ts';
import { WorkQueue } from '../../keys/work-queue.ts';
import { wholeNumber } from '../../options.ts';
import { AuthenticationError } from '../../refusals.ts';
import type { PipedSource } from '../piped-source.ts';
import { pipedName } from './export.ts';
import type { PipecdRecord } from './record.ts';

/** The change feed, as whoever keeps something true by it sees it. */
export interface FollowedFeed {
  readonly freshness: Freshness;
  /** Resolves as soon as the feed is not `catching-up`. */
  caughtUp(): Promise<void>;
  /** Hears of every change, and of each time when anything may have changed. */
  follow(follower: { onChange(change: Change): void; onReset(): void }): void;
}

export interface ControlPlanePipedsOptions {
  readonly controlPlane: EndpointOptions;
  readonly feed: FollowedFeed;
  /** Pipeds to keep, and as many names that no piped has. Default 10,000. */
  readonly maxRecords?: number;
  /** How long to remember that there is no such piped, in milliseconds. Default 60,000; a change ends it at once. */
  readonly unknownTtlMs?: number;
  /** Lookups at the same time, and those that may wait for a turn. Default 16 and 1024; then `overloaded`. */
  readonly maxLookups?: number;
  readonly maxQueuedLookups?: number;
  /** How long a lookup may take, in milliseconds. Default 2000. */
  readonly lookupTimeoutMs?: number;
  /** Steady clock, in milliseconds. */
  readonly clock: () => number;
}

const MAX_ANSWER_BYTES = 16_384;
/** A piped that changes under each of this many lookups is not waited for any longer. */
const MAX_ATTEMPTS = 3;

const status = z.enum(['active', 'disabled']);
const recordSchema = z.object({
  project: idSchema,
  piped: idSchema,
  pipedStatus: status,
  projectStatus: status,
  scopes: scopesSchema,
  hashes: z.array(z.string().refine(isBcryptHash)).max(MAX_PIPECD_KEYS),
  revision: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
});

interface Lookup {
  readonly promise: Promise<PipecdRecord | undefined>;
  /** The revision of a change that came meanwhile. */
  changedAt: number;
}

/**
 * PipeCD's keys of pipeds out of the control plane: looked up on demand, kept, and kept true by its change feed, so that
 * a piped that is disabled, or whose keys are forgotten, is refused within a second. How far what is at hand is believed
 * is the feed's to say, as for keys.
 */
export class ControlPlanePipeds implements PipedSource<PipecdRecord>, AsyncDisposable {
  readonly #endpoint: Endpoint;
  readonly #feed: FollowedFeed;
  readonly #known: LRUCache<string, PipecdRecord>;
  readonly #unknown: LRUCache<string, { readonly until: number }>;
  readonly #unknownTtlMs: number;
  readonly #queue: WorkQueue;
  readonly #timeoutMs: number;
  readonly #clock: () => number;
  readonly #underWay = new Map<string, Lookup>();
  /** Grows whenever anything may have changed. */
  #epoch = 0;

  /** @throws TypeError for options that can't be meant */
  constructor(options: ControlPlanePipedsOptions) {
    this.#endpoint = createEndpoint(options.controlPlane);
    this.#feed = options.feed;
    const max = wholeNumber('maxRecords', options.maxRecords ?? 10_000);
    this.#known = new LRUCache({ max });
    this.#unknown = new LRUCache({ max });
    this.#unknownTtlMs = wholeNumber('unknownTtlMs', options.unknownTtlMs ?? 60_000, 0);
    this.#queue = new WorkQueue(
      wholeNumber('maxLookups', options.maxLookups ?? 16),
      wholeNumber('maxQueuedLookups', options.maxQueuedLookups ?? 1024, 0),
    );
    this.#timeoutMs = wholeNumber('lookupTimeoutMs', options.lookupTimeoutMs ?? 2000);
    this.#clock = options.clock;
    this.#feed.follow({ onChange: change => this.#apply(change), onReset: () => this.#reset() });
  }

  peek(project: string, piped: string): PipecdRecord | undefined {
    const { freshness } = this.#feed;
    return freshness === 'live' || freshness === 'aging' ? this.#known.get(pipedName(project, piped)) : undefined;
  }

  lookup(
    project: string,
    piped: string,
    signal: AbortSignal,
  ): PipecdRecord | undefined | Promise<PipecdRecord | undefined> {
    const { freshness } = this.#feed;
    if (freshness === 'closed') throw new AuthenticationError('shutting_down');
    if (freshness === 'stale') throw new AuthenticationError('key_source_unavailable');
    if (freshness === 'catching-up') {
      return untilAborted(this.#feed.caughtUp(), signal).then(() => this.lookup(project, piped, signal));
    }
    const name = pipedName(project, piped);
    if (freshness === 'live' && (this.#unknown.get(name)?.until ?? 0) > this.#clock()) return undefined;
    const known = this.#underWay.get(name);
    if (known !== undefined) return known.promise;
    if (this.#queue.isFull) throw new AuthenticationError('overloaded');
    const lookup: Lookup = { promise: this.#queue.run(() => this.#ask(project, piped)), changedAt: 0 };
    this.#underWay.set(name, lookup);
    const ended = () => this.#underWay.delete(name);
    lookup.promise.then(ended, ended);
    return lookup.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reset();
    this.#endpoint.close();
  }

  async #ask(project: string, piped: string): Promise<PipecdRecord | undefined> {
    const name = pipedName(project, piped);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      // What is read while the feed is not live may be older than what follows, and is not kept.
      const wasLive = this.#feed.freshness === 'live';
      const epoch = this.#epoch;
      const { revision, record } = await this.#fetch(project, piped);
      if (epoch !== this.#epoch || (this.#underWay.get(name)?.changedAt ?? 0) > revision) continue;
      if (wasLive && this.#feed.freshness === 'live') {
        if (record === undefined) this.#unknown.set(name, { until: this.#clock() + this.#unknownTtlMs });
        else this.#known.set(name, record);
      }
      return record;
    }
    throw new AuthenticationError('key_source_unavailable');
  }

  async #fetch(project: string, piped: string): Promise<{ revision: number; record: PipecdRecord | undefined }> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    const path = `/v1/projects/${project}/pipeds/${piped}/pipecd-keys`;
    const response = await this.#endpoint.get(path, { accept: 'application/json', signal });
    const body = await readBody(response, MAX_ANSWER_BYTES);
    const json = body === undefined ? undefined : parseOrUndefined(body.toString('utf8'));
    const revision = Number(/^\d{1,15}$/.exec(String(response.headers['x-spanpass-revision']))?.[0] ?? Number.NaN);
    if (Number.isNaN(revision)) throw unusable(response.statusCode);
    // Any other 404 may come from something that is not the control plane.
    const isUnknown = response.statusCode === 404 && (json as { code?: unknown } | undefined)?.code === 'piped_unknown';
    if (isUnknown) return { revision, record: undefined };
    const parsed = recordSchema.safeParse(json);
    const isAsked = parsed.data?.project === project && parsed.data.piped === piped;
    if (response.statusCode !== 200 || !parsed.success || !isAsked) throw unusable(response.statusCode);
    return { revision, record: Object.freeze(parsed.data) };
  }

  #apply(change: Change): void {
    if (change.kind === 'key') return;
    if (change.kind === 'piped') {
      this.#forget(pipedName(change.project, change.piped), change.revision);
      return;
    }
    const ofProject = (name: string) => name.startsWith(`${change.project},`);
    const names = [...this.#known.keys(), ...this.#unknown.keys(), ...this.#underWay.keys()];
    for (const name of new Set(names.filter(ofProject))) this.#forget(name, change.revision);
  }

  #forget(name: string, revision: number): void {
    this.#known.delete(name);
    this.#unknown.delete(name);
    const lookup = this.#underWay.get(name);
    if (lookup !== undefined) lookup.changedAt = Math.max(lookup.changedAt, revision);
  }

  #reset(): void {
    this.#known.clear();
    this.#unknown.clear();
    this.#epoch++;
    // Revisions of before say nothing of those that come.
    for (const lookup of this.#underWay.values()) lookup.changedAt = 0;
  }
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** For the log: nothing that the other side wrote is in it. */
function unusable(status: number | undefined): AuthenticationError {
  return new AuthenticationError('key_source_unavailable', {
    cause: new Error(`the control plane answered ${status} about a piped, and nothing that can be used`),
  });
}
