import { diag } from '@opentelemetry/api';
import { afterEach, beforeEach, vi } from 'vitest';
import { JournalBench } from './journal-bench.ts';

/** A bench of its own for each test of the file that imports it. */
export let bench: JournalBench;
beforeEach(() => {
  bench = new JournalBench();
});
afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  await bench[Symbol.asyncDispose]();
  diag.disable();
});
