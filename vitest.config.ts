import {defineConfig} from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A mutation tester breaks the code in memory, not in `dist`.
    globalSetup: process.env.STRYKER_MUTATOR_WORKER === undefined ? ['test/build.ts'] : [],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // What is waited for comes; a machine that does other work too takes longer.
    expect: {poll: {timeout: 40_000}},
    // Tests use real processes and real clocks; a machine that does other work too may be late once.
    retry: process.env.CI ? 1 : 0,
    typecheck: {enabled: true, include: ['test/**/*.test-d.ts'], tsconfig: 'tsconfig.json'},
  },
});
