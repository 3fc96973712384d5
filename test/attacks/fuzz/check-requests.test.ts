import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keepMeasurements } from '../../harness/measurements.ts';
import { seedOr, times } from '../../harness/profile.ts';
import { Stage } from '../../harness/stage.ts';
import { anyRequest, untouched } from './check-requests.ts';
import { frame, GrpcStreams, inParallel } from './grpc-streams.ts';
import { mutate, Random } from './mutate.ts';
import { authorizationsOf, isAllow, isTracesPath, mayOpen, pathsOf, valuesAt } from './oracle.ts';
import { MemoryWatch, startTarget, type Target } from './target.ts';

const total = times({ nightly: 1_000_000, otherwise: 100_000 });
const seed = seedOr(20_260_501);
const stage = new Stage();
let target: Target;
beforeAll(async () => {
  target = await startTarget(stage);
});
afterAll(() => stage.dispose());

interface Sent {
  readonly bytes: Buffer;
  readonly framed: boolean;
  /** Nobody touched it: it must be answered rightly, not only safely. */
  readonly good?: boolean;
}

it(`${total} CheckRequests that were tampered with open no door (seed ${seed})`, { timeout: 3_600_000 }, async () => {
  let originals = untouched(target.issued);
  let issuedAt = Date.now();
  const memory = new MemoryWatch(target.process.pid);
  using client = new GrpcStreams(target.grpcAddress);
  const counts = { allowed: 0, refused: 0, failedCalls: 0, untouchedAllowed: 0 };
  const startedAt = Date.now();

  async function show({ bytes, framed, good }: Sent, at: number): Promise<void> {
    const atSeconds = Date.now() / 1000;
    const { grpcStatus, message } = await client.send(bytes, framed);
    const allowed = grpcStatus === '0' && isAllow(message);
    const request = framed ? bytes.subarray(5) : bytes;
    if (good && !allowed)
      throw new Error(`number ${at} was good and untouched, and was refused: ${grpcStatus} ${message}`);
    if (good) counts.untouchedAllowed++;
    else if (allowed) counts.allowed++;
    else counts[grpcStatus === '0' ? 'refused' : 'failedCalls']++;
    if (!allowed) return;
    const owners = mayOpen(authorizationsOf(request), target.issued, atSeconds).map(({ owner }) => owner.piped);
    const stamped = valuesAt(message, [3, 2, 1])
      .filter(header => valuesAt(header, [1]).join() === 'x-spanpass-piped')
      .map(header => valuesAt(header, [2]).join());
    if (owners.includes(stamped.join()) && pathsOf(request).some(isTracesPath)) return;
    throw new Error(`SPANPASS_SEED=${seed}: number ${at} was let in as ${stamped}: ${request.toString('base64')}`);
  }

  /** Number `at` of the seed's requests, the same in each run but for the credentials themselves. */
  function make(at: number, wellFormed: readonly Buffer[]): Sent {
    const random = new Random(seed + at * 7919);
    const original = random.pick(originals);
    const kind = random.next();
    if (kind < 0.05) {
      const good = original.of.validUntil > Date.now() / 1000 && original.of.validFrom < Date.now() / 1000;
      return { bytes: original.bytes, framed: false, good };
    }
    if (kind < 0.15) return { bytes: random.pick(wellFormed), framed: false };
    const lender = random.pick(originals).bytes;
    if (kind < 0.17) return { bytes: mutate(frame(original.bytes), [lender], random), framed: true };
    return { bytes: mutate(original.bytes, [lender], random), framed: false };
  }

  // A key that was never looked up may have to wait behind made-up ones of its neighbours.
  for (const { of, bytes } of originals) await show({ bytes, framed: false, good: Number.isFinite(of.validUntil) }, -1);

  const chunk = 10_000;
  for (let from = 0; from < total; from += chunk) {
    const wellFormed = fc.sample(anyRequest(target.issued), { seed: seed + from, numRuns: chunk / 10 });
    await inParallel(Math.min(chunk, total - from), 200, async at => {
      await show(make(from + at, wellFormed), from + at);
      if (at % 1000 === 0) await memory.sample();
    });
    expect(target.process.hasExited()).toBe(false);
    if (Date.now() - issuedAt > 300_000) {
      issuedAt = Date.now();
      originals = [...untouched(await target.issueMore(Math.floor(issuedAt / 1000))), ...originals];
    }
  }

  const seconds = (Date.now() - startedAt) / 1000;
  const [growthMiB, peakMiB] = [memory.growthMiB(), memory.peakMiB];
  await keepMeasurements('fuzz-check-requests', { seed, total, seconds, ...counts, growthMiB, peakMiB });
  expect(growthMiB).toBeLessThan(64);
  expect(peakMiB).toBeLessThan(512);
  // Otherwise the changes were so coarse that they tested nothing.
  expect(counts.allowed / total).toBeGreaterThan(0.004);
  expect(counts.failedCalls / total).toBeLessThan(0.05);
  expect(counts.untouchedAllowed / total).toBeGreaterThan(0.005);
});
