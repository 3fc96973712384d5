import { expect, it } from 'vitest';
import { describeWithEngine } from '../../engines/describe.ts';

await describeWithEngine([], 'a suite whose second step fails', () => {
  it('first step', () => {});
  it('second step', () => {
    expect('what was seen').toBe('what was wanted');
  });
});
