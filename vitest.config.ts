import {defineConfig} from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Minutes long, and not yet settled on a loaded machine: run them with WANDB_INVARIANCE_LONG=1.
    exclude: process.env.WANDB_INVARIANCE_LONG
      ? []
      : ['test/tracker/wandb/{chaos,many-rows,python-client,sdk-defects}.test.ts'],
    globalSetup: ['test/build.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Tests use real processes and real clocks; a machine that does other work too may be late once.
    retry: process.env.CI ? 1 : 0,
    typecheck: {enabled: true, include: ['test/**/*.test-d.ts'], tsconfig: 'tsconfig.json'},
  },
});
