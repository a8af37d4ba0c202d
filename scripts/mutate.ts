/**
 * Breaks the code of one room in every small way and says which breaks no test of the room notices:
 * `npm run mutate -- metrics`. Minutes a room; never part of CI. What was found before is not run again
 * (`coverage/mutation/ROOM.json`), and `coverage/mutation/ROOM.html` shows each survivor in its place.
 * A break that keeps a module from loading runs no test and is counted among the survivors: those are none.
 */
import {Stryker} from '@stryker-mutator/core';

/**
 * What is broken, and the tests that should notice. Tests that start processes are left out: those run `dist`, in which
 * nothing is broken, and so is what only they can see.
 */
const rooms: Record<string, {mutate: string[]; tests: string}> = {
  metrics: {mutate: ['src/metrics/*.ts'], tests: 'test/metrics/!(bootstrap-coverage).test.ts'},
  journal: {
    mutate: ['src/journal/*.ts', '!src/journal/end-on-exit.ts'],
    tests: 'test/journal/!(end-on-exit).test.ts',
  },
  content: {
    mutate: ['src/tracker/wandb/content/*.ts'],
    tests: 'test/tracker/wandb/content/!(run-contents).test.ts',
  },
};

const room = process.argv[2] ?? '';
const {mutate, tests} = rooms[room] ?? {};
if (mutate === undefined) {
  console.error(`no room ${room}: name one of ${Object.keys(rooms).join(', ')}`);
  process.exit(2);
}
// By vitest's own configuration: with Stryker's `testFiles`, what runs when a module loads is never broken.
process.env.MUTATION_TESTS = tests;

await new Stryker({
  testRunner: 'vitest',
  plugins: [import.meta.resolve('@stryker-mutator/vitest-runner')],
  mutate: [...mutate, '!**/index.ts'],
  concurrency: 2,
  // Tests run several times as slow in the first run, which counts how often each line is reached.
  timeoutFactor: 0.5,
  timeoutMS: 15_000,
  incremental: true,
  incrementalFile: `coverage/mutation/${room}.json`,
  tempDirName: 'coverage/mutation/sandbox',
  ignorePatterns: ['dist', 'docs', 'examples', 'bench'],
  reporters: ['clear-text', 'progress', 'html'],
  clearTextReporter: {allowColor: false, reportTests: false, logTests: false},
  htmlReporter: {fileName: `coverage/mutation/${room}.html`},
}).runMutationTest();
