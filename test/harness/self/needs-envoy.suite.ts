import { it } from 'vitest';
import { describeWithEngine } from '../../engines/describe.ts';

await describeWithEngine(['envoy'], 'a suite that needs Envoy', () => {
  it('a step that would fail if it ran', () => {
    throw new Error('this step ran');
  });
});
