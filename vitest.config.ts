import {defineConfig} from 'vitest/config';

/** The tests of one room, where scripts/mutate.ts breaks that room's code: in memory, so `dist` and types play no part. */
const ofRoom = process.env.MUTATION_TESTS;

export default defineConfig({
  test: {
    include: [ofRoom ?? 'test/**/*.test.ts'],
    globalSetup: ofRoom === undefined ? ['test/build.ts'] : [],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // What is waited for comes; a machine that does other work too takes longer.
    expect: {poll: {timeout: 40_000}},
    // Tests use real processes and real clocks; a machine that does other work too may be late once.
    retry: process.env.CI ? 1 : 0,
    typecheck: {enabled: ofRoom === undefined, include: ['test/**/*.test-d.ts'], tsconfig: 'tsconfig.json'},
  },
});
