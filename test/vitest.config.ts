import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{engines,harness,attacks,bench,chaos,e2e,readme,reference,repo,packages,deploy,spec,upgrade}/**/*.test.ts'],
    // Suites start servers and engines by the handful: side by side they would only measure each other's load.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
