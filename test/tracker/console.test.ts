import {stripVTControlCharacters} from 'node:util';
import {expect, it} from 'vitest';
import {readingLine} from '../../src/tracker/console.js';
import {consoleTracker} from '../../src/tracker/index.js';
import type {RunState} from '../../src/types.js';
import {screen} from '../terminal/screen.js';
import {everyEvent, testTracker, type Recorded} from './contract.js';
import {sampleBaseline, sampleInfo, sampleReading} from './sample-run.js';

/** What somebody who watched the stream has read; a table that is redrawn says the same line again. */
function readText(coloured: string): Recorded {
  const text = stripVTControlCharacters(coloured);
  const readings = [...text.matchAll(/^step (\d+).*? retention ([\d.]+|withheld)/gm)].filter(
    ([line], i, all) => line !== all[i - 1]?.[0],
  );
  const seconds = /pretrained model measured in ([\d.]+) s/.exec(text)?.[1];
  const end = [...text.matchAll(/^run birds run-1 (finished|crashed|killed)$/gm)].at(-1)?.[1];
  return {
    steps: readings.map(([, step]) => Number(step)),
    retention: readings.map(([, , mean]) => (mean === 'withheld' ? null : Number(mean))),
    baselineSeconds: seconds === undefined ? null : Number(seconds),
    state: (end ?? 'running') as RunState,
  };
}

for (const [name, isTTY] of [
  ['console, on a terminal,', true],
  ['console, in a file,', false],
] as const) {
  /** By run folder: a resumed run goes on where the first one wrote. */
  const streams = new Map<string, ReturnType<typeof screen>>();
  testTracker({
    name,
    open(folder) {
      const stream = streams.get(folder) ?? screen({isTTY});
      streams.set(folder, stream);
      return consoleTracker({stream});
    },
    recorded: folder => readText(streams.get(folder)?.text ?? ''),
    decimals: 3,
  });
}

async function show(stream: ReturnType<typeof screen>, steps: number[]) {
  const tracker = consoleTracker({stream});
  await tracker.start(sampleInfo(), {resumed: false, folder: 'invariance/run-1'});
  for (const event of everyEvent) await tracker.event(event);
  for (const step of steps) await tracker.reading(sampleReading(step));
  await tracker.event({type: 'notice', time: 1, level: 'warning', code: 'x', message: 'something happened'});
  await tracker.finish('finished');
}

it('redraws one table of all layers on a terminal', async () => {
  const stream = screen();
  await show(stream, [0, 100, 1000]);
  const {lines} = stream;
  expect(lines.filter(line => line.startsWith('block_00'))).toHaveLength(1);
  expect(lines.find(line => line.startsWith('block_00'))).toContain('0.500 ██████████░░░░░░░░░░');
  expect(lines.find(line => line.startsWith('block_00'))).toContain('[0.450, 0.550]');
  expect(lines.find(line => line.startsWith('block_01'))).toMatch(/withheld +– +– +– /);
  expect(lines).toContain('withheld, inversion not converged: block_01');
  expect(lines.join('\n')).toContain('step 1000, epoch 10.00');
  expect(lines.join('\n')).not.toContain('step 100,');
});

it('shows R between floor and ceiling, and says what moved and what was only lost', async () => {
  const stream = screen({columns: 200});
  await show(stream, [1000]);
  const row = stream.lines.find(line => line.startsWith('block_00'))!;
  expect(row).toMatch(/ 0\.625 \[0\.575, 0\.675\] +0\.300 ± 0\.020 +0\.600 +0\.950 /);
  expect(stream.lines).toContain(
    'Moved: invariances arrived elsewhere, those of block_00 in block_02 (R there +0.060).',
  );
  expect(stream.lines).toContain('Lost, and not found to have arrived in another block: block_02.');
});

it('tells R where no layer has a score', async () => {
  const reading = sampleReading(1000);
  reading.scores = reading.scores.map(() => ({status: 'withheld', reason: 'floor too close to ceiling: …'}));
  const baseline = sampleBaseline();
  expect(readingLine(reading, baseline)).toBe(
    'step 1000, epoch 10.00  retention withheld in all layers  R lowest under its ceiling in block_00, 0.625 of 0.950  (3.2 s)',
  );
  baseline.gates = baseline.gates.map(gate => ({...gate, passed: false}));
  expect(readingLine(reading, baseline)).toBe(
    'step 1000, epoch 10.00  retention withheld in all layers  (3.2 s)',
  );
});

it('keeps notices above the table', async () => {
  const stream = screen();
  await show(stream, [0]);
  const {lines} = stream;
  expect(lines.findIndex(line => line.includes('something happened'))).toBeLessThan(
    lines.findIndex(line => line.startsWith('block_00')),
  );
});

it('cuts lines to the width of the terminal, so that redrawing hits the right ones', async () => {
  const stream = screen({columns: 40});
  await show(stream, [0, 100]);
  expect(stream.lines.filter(line => line.startsWith('block_00'))).toHaveLength(1);
  expect(stream.lines.filter(line => line.startsWith('block_')).every(line => line.length <= 40)).toBe(true);
});

it('writes one plain line a reading where there is no terminal', async () => {
  const stream = screen({isTTY: false});
  await show(stream, [0, 1000]);

  expect(stream.text).not.toMatch(/\x1b/);
  const lines = stream.text.split('\n').filter(line => line.startsWith('step '));
  expect(lines).toEqual([
    'step 0, epoch 0.00  retention 0.983  lowest norm 0.970  3/4 layers scored  (3.2 s)',
    'step 1000, epoch 10.00  retention 0.483  lowest norm 0.470  3/4 layers scored  (3.2 s)  block_02 now sees hue (0.95 → 0.47).',
  ]);
});

it('names the layers whose inversion did not converge', async () => {
  const stream = screen({isTTY: false});
  await show(stream, []);
  expect(stream.text).toContain('inversion not converged in block_01');
});
