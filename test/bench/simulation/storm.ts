import { randomOf } from '../../harness/random.ts';
import { quantile } from '../measure/statistics.ts';
import { workQueue } from './built-parts.ts';
import { Station, VirtualTime } from './virtual-time.ts';

export interface StormSettings {
  readonly seed: number;
  /** That this auth server serves, each with an export every 5 s. */
  readonly pipeds: number;
  /** Auth servers that ask the same replicas at the same moment, this one included. */
  readonly serversAtOnce: number;
  readonly replicas: number;
  /** Of one core of an auth server: a check whose answer is known, one that is new, and asking for a key. */
  readonly warmMicros: number;
  readonly coldMicros: number;
  readonly askMicros: number;
  /** Of a replica with its share of the database. */
  readonly lookupMicros: number;
}

export interface StormResult {
  /** Until all of its pipeds had passed once. */
  readonly seconds: number;
  /** 503: the piped keeps its spans and comes again. */
  readonly refused: number;
  readonly refusedPipeds: number;
  /** Of the first check that passed, how long it took from the first attempt on. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly lookups: number;
  /** Most in one second, at all replicas. */
  readonly lookupsPerSecond: number;
}

export const EXPORT_EVERY_MS = 5000;
/** Of the auth server: look-ups under way and waiting; of the generated Envoy configuration: how long a check may take. */
const [MAX_LOOKUPS, MAX_QUEUED, CHECK_TIMEOUT_MS] = [64, 8192, 5000];
const ROUND_TRIP_MS = 1;
/** Of the OTLP exporters: first wait, growth, most, and by how much waits differ. */
const RETRY = { firstMs: 1000, growth: 1.5, mostMs: 5000, jitter: 0.2 };
const GIVE_UP_MS = 3_600_000;

/** All pipeds of an auth server that has just been started and knows no key. */
export async function coldStorm(settings: StormSettings): Promise<StormResult> {
  const { pipeds, serversAtOnce, replicas, warmMicros, coldMicros, askMicros, lookupMicros } = settings;
  const time = new VirtualTime();
  const random = randomOf(settings.seed);
  const core = new Station(time, 1);
  // All servers see the same storm, so that this one has its share of the replicas.
  const shareMicros = (lookupMicros * serversAtOnce) / replicas;
  const replica = new Station(time, 1);
  const queue = await workQueue(MAX_LOOKUPS, MAX_QUEUED);
  const passedAfter: number[] = [];
  const known = new Uint8Array(pipeds);
  const wasRefused = new Uint8Array(pipeds);
  const lookupsIn = new Map<number, number>();
  let [refused, lookups] = [0, 0];

  // Once at a time for each key, whoever asks. What comes is kept, also if whoever asked has gone.
  const underWay = new Map<number, Promise<void>>();
  const lookUp = (piped: number) => {
    const joined =
      underWay.get(piped) ??
      queue.run(askOne).then(() => {
        known[piped] = 1;
        underWay.delete(piped);
      });
    underWay.set(piped, joined);
    return joined;
  };
  const askOne = () =>
    new Promise<void>(resolve => {
      lookups++;
      const second = Math.floor(time.now / 1000);
      lookupsIn.set(second, (lookupsIn.get(second) ?? 0) + serversAtOnce);
      core.serve(askMicros / 1000, () => {
        replica.serve(shareMicros / 1000, () => time.after(ROUND_TRIP_MS, resolve));
      });
    });

  const check = (piped: number, firstAt: number, attempt: number) => {
    const deadline = time.now + CHECK_TIMEOUT_MS;
    const refuse = () => {
      refused++;
      wasRefused[piped] = 1;
      const base = Math.min(RETRY.firstMs * RETRY.growth ** attempt, RETRY.mostMs);
      time.after(base * (1 + RETRY.jitter * (2 * random() - 1)), () => check(piped, firstAt, attempt + 1));
    };
    const pass = () => {
      if (time.now > deadline) return refuse();
      passedAfter.push(time.now - firstAt);
      const steady = () => {
        core.serve(warmMicros / 1000, () => {});
        time.after(EXPORT_EVERY_MS, steady);
      };
      time.after(EXPORT_EVERY_MS, steady);
    };
    const verify = () => core.serve(coldMicros / 1000, pass);
    // Nobody waits any longer by the time that it is its turn: it is answered without work.
    if (core.waitMs > CHECK_TIMEOUT_MS) return void time.after(CHECK_TIMEOUT_MS, refuse);
    if (known[piped] === 1) return verify();
    if (queue.isFull && !underWay.has(piped)) return refuse();
    let answered = false;
    time.after(CHECK_TIMEOUT_MS, () => {
      if (answered) return;
      answered = true;
      refuse();
    });
    void lookUp(piped).then(() => {
      if (answered) return;
      answered = true;
      verify();
    });
  };
  for (let piped = 0; piped < pipeds; piped++) {
    time.after(random() * EXPORT_EVERY_MS, () => check(piped, time.now, 0));
  }
  await time.runUntil(GIVE_UP_MS, () => passedAfter.length === pipeds);
  if (passedAfter.length < pipeds) throw new Error(`${passedAfter.length} of ${pipeds} pipeds have passed in an hour`);
  return {
    seconds: time.now / 1000,
    refused,
    refusedPipeds: wasRefused.reduce((sum, one) => sum + one, 0),
    p50Ms: quantile(passedAfter, 0.5),
    p99Ms: quantile(passedAfter, 0.99),
    maxMs: quantile(passedAfter, 1),
    lookups,
    lookupsPerSecond: Math.max(...lookupsIn.values()),
  };
}
