import { configDefaults, defineConfig } from 'vitest/config';

const onServer = process.env.SPANPASS_TEST_DATABASE_URL !== undefined;

export default defineConfig({
  test: {
    // By default one core of two would wait for the other.
    maxWorkers: 2,
    // An embedded PostgreSQL takes seconds to come up where cores are few and busy.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A move wants both kinds of database.
    exclude: [...configDefaults.exclude, ...(onServer ? [] : ['**/moving/move.test.ts'])],
  },
});
