import { expect, it } from 'vitest';
import { RateLimitedLog } from './log.ts';
import { FakeClock } from './testing/fake-clock.ts';
import { RecordingLog } from './testing/scratch.ts';

it('says a thing at once, then at most twice a minute, and no count is left out', () => {
  const clock = new FakeClock();
  const lines = new RecordingLog();
  const log = new RateLimitedLog(lines, clock);
  for (let i = 0; i < 10; i++) log.error('a', 'dropped', 2);
  log.warn('b', 'other');
  expect(lines.lines).toEqual(['error dropped (2)', 'warn other']);
  clock.advance(29_999);
  log.sayLeft();
  expect(lines.lines).toHaveLength(2);
  clock.advance(1);
  log.sayLeft();
  expect(lines.lines.slice(2)).toEqual(['error dropped (18)']);
  log.error('a', 'dropped', 1);
  log.sayLeft({ all: true });
  log.sayLeft({ all: true });
  expect(lines.lines.slice(3)).toEqual(['error dropped (1)']);
});
