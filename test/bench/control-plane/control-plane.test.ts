import { expect, it } from 'vitest';
import { describeWithEngine } from '../../engines/describe.ts';
import { SCALE_PROFILES } from './profile.ts';
import { runScale } from './run.ts';
import { scaleTable } from './table.ts';
import { SCALE_TARGETS } from './targets.ts';

await describeWithEngine(['postgres', 'h2load'], 'the bench of the control plane', () => {
  it('runs on both databases, whatever it finds', { timeout: 300_000 }, async () => {
    const results = await runScale({
      profile: SCALE_PROFILES.smoke,
      databases: ['postgres', 'embedded'],
      say: () => {},
    });
    for (const figures of Object.values(results.databases)) {
      for (const value of Object.values(figures)) expect(value).toBeGreaterThanOrEqual(0);
    }
    const table = scaleTable(results);
    for (const { text } of SCALE_TARGETS) expect(table).toContain(text);
  });
});
