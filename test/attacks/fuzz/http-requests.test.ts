import { afterAll, beforeAll, expect, it } from 'vitest';
import { keepMeasurements } from '../../harness/measurements.ts';
import { seedOr, times } from '../../harness/profile.ts';
import { Stage } from '../../harness/stage.ts';
import { inParallel } from './grpc-streams.ts';
import { answersIn, asksForTraces, authorizationsOf, untouched } from './http-requests.ts';
import { mutate, Random } from './mutate.ts';
import { mayOpen } from './oracle.ts';
import { MemoryWatch, overTcp, startTarget, type Target } from './target.ts';

const total = times({ nightly: 200_000, otherwise: 20_000 });
const seed = seedOr(20_260_601);
const stage = new Stage();
let target: Target;
beforeAll(async () => {
  target = await startTarget(stage);
});
afterAll(() => stage.dispose());

it(`${total} HTTP checks that were tampered with open no door (seed ${seed})`, { timeout: 3_600_000 }, async () => {
  let originals = untouched(target.issued);
  let issuedAt = Date.now();
  const memory = new MemoryWatch(target.process.pid);
  const counts = { allowed: 0, refused: 0, unanswered: 0, untouchedAllowed: 0 };
  const startedAt = Date.now();

  async function show(bytes: Buffer, good: boolean, at: number): Promise<void> {
    const atSeconds = Date.now() / 1000;
    const answers = answersIn(await overTcp(target.httpPort, bytes, good ? 10_000 : 100));
    const allowed = answers.filter(({ status }) => status >= 200 && status < 300);
    if (good && allowed.length === 0)
      throw new Error(`number ${at} was good and untouched, and was refused: ${answers[0]?.head}`);
    if (good) counts.untouchedAllowed++;
    else if (answers.length === 0) counts.unanswered++;
    else counts[allowed.length > 0 ? 'allowed' : 'refused']++;
    const owners = mayOpen(authorizationsOf(bytes), target.issued, atSeconds).map(({ owner }) => owner.piped);
    for (const { head } of allowed) {
      const piped = /^x-spanpass-piped: (.*)$/im.exec(head)?.[1]?.trim() ?? '';
      if (owners.includes(piped) && asksForTraces(bytes)) continue;
      throw new Error(`SPANPASS_SEED=${seed}: number ${at} was let in as ${piped}: ${bytes.toString('base64')}`);
    }
  }

  // A key that was never looked up may have to wait behind made-up ones of its neighbours.
  for (const { of, bytes } of originals) await show(bytes, Number.isFinite(of.validUntil), -1);

  const chunk = 2000;
  for (let from = 0; from < total; from += chunk) {
    await inParallel(Math.min(chunk, total - from), 32, async at => {
      const random = new Random(seed + (from + at) * 7919);
      const { of, bytes } = random.pick(originals);
      const untouchedOne = random.next() < 0.05;
      const now = Date.now() / 1000;
      const good = untouchedOne && now >= of.validFrom && now < of.validUntil;
      const sent = untouchedOne ? bytes : mutate(bytes, [random.pick(originals).bytes], random);
      await show(sent, good, from + at);
      if (at % 200 === 0) await memory.sample();
    });
    expect(target.process.hasExited()).toBe(false);
    if (Date.now() - issuedAt > 300_000) {
      issuedAt = Date.now();
      originals = [...untouched(await target.issueMore(Math.floor(issuedAt / 1000))), ...originals];
    }
  }

  const seconds = (Date.now() - startedAt) / 1000;
  const [growthMiB, peakMiB] = [memory.growthMiB(), memory.peakMiB];
  await keepMeasurements('fuzz-http-requests', { seed, total, seconds, ...counts, growthMiB, peakMiB });
  expect(growthMiB).toBeLessThan(64);
  expect(peakMiB).toBeLessThan(512);
  expect(counts.allowed / total).toBeGreaterThan(0.005);
  expect(counts.untouchedAllowed / total).toBeGreaterThan(0.01);
});
