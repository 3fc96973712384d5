import { defineConfig } from 'vitest/config';

// An embedded PostgreSQL takes seconds to come up where cores are few and busy.
export default defineConfig({ test: { testTimeout: 30_000, hookTimeout: 60_000 } });
