import { defineConfig } from 'vitest/config';

/** The suites here are made to fail or to be skipped; only the self-test runs them. */
export default defineConfig({ test: { include: ['harness/self/*.suite.ts'], fileParallelism: false } });
