import { afterAll, describe, expect, it } from 'vitest';
import { Stage } from '../../harness/stage.ts';
import { soak } from './run.ts';
import { slopePerMinute } from './slope.ts';

const stage = new Stage();
afterAll(() => stage.dispose());

describe('the soak', () => {
  it('runs, whatever the memory does, and lets nobody in who is hostile', { timeout: 120_000 }, async () => {
    const times = { seconds: 2, warmUpSeconds: 0.5, sampleEverySeconds: 0.5, pipeds: 3 };
    const { answers, samples, slopeKibPerMinute } = await soak(stage, { ...times, perSecond: 100, say: () => {} });
    expect(Object.keys(answers).sort()).toEqual(
      ['big header', 'expired', 'forged', 'garbage', 'good', 'made-up kid', 'revoked'].sort(),
    );
    for (const [kind, codes] of Object.entries(answers)) {
      if (kind === 'good') expect(codes[0]).toBeGreaterThan(0);
      else expect(Object.keys(codes)).not.toContain('0');
    }
    expect(samples.length).toBeGreaterThanOrEqual(2);
    expect(Number.isFinite(slopeKibPerMinute)).toBe(true);
  });

  it('finds the slope of what grows, and of what does not', () => {
    const over = (rssKib: (at: number) => number) =>
      slopePerMinute([0, 10, 20, 30].map(atSeconds => ({ atSeconds, rssKib: rssKib(atSeconds) })));
    expect(over(at => 1000 + at)).toBeCloseTo(60);
    expect(over(() => 1000)).toBe(0);
  });
});
