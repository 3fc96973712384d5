import { defineConfig } from 'vitest/config';

/** These watch the time, fill both cores by themselves, take the ports that are the default, or look for what others would leave. */
const alone = [
  '{engines,harness,bench,chaos}/**/*.test.ts',
  'attacks/{overload,flood,fuzz}*/**/*.test.ts',
  'attacks/overload.test.ts',
  'e2e/{05,14,15,21,28,29,34,35,36,43,46}-*.test.ts',
];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'beside',
          include: ['{attacks,deploy,e2e,packages,readme,reference,repo,spec,upgrade}/**/*.test.ts'],
          exclude: alone,
          // Most of their time is waiting for what they have started.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: alone, fileParallelism: false, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
