import {mkdtempSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect, it} from 'vitest';
import {readingLine} from '../../src/tracker/console.js';
import {consoleTracker} from '../../src/tracker/index.js';
import type {RunState} from '../../src/types.js';
import {screen} from '../terminal/screen.js';
import {everyEvent, testTracker, type Recorded} from './contract.js';
import {sampleBaseline, sampleInfo, sampleReading} from './sample-run.js';

/** What somebody who watched the stream has read. */
function readText(text: string): Recorded {
  const readings = [...text.matchAll(/^step (\d+).*? retention ([\d.]+|withheld)/gm)];
  const seconds = /pretrained model measured in ([\d.]+) s/.exec(text)?.[1];
  const end = [...text.matchAll(/^run birds run-1 (finished|crashed|killed): /gm)].at(-1)?.[1];
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

async function show(
  stream: ReturnType<typeof screen>,
  steps: number[],
  {folder = 'invariance/run-1', besides = (): void => {}} = {},
) {
  const tracker = consoleTracker({stream});
  await tracker.start(sampleInfo(), {resumed: false, folder});
  for (const event of everyEvent) await tracker.event(event);
  for (const step of steps) {
    await tracker.reading(sampleReading(step));
    besides();
  }
  await tracker.event({type: 'notice', time: 1, level: 'warning', code: 'x', message: 'something happened'});
  await tracker.finish('finished');
}

it('leaves standing what others print between its own lines, on a terminal too', async () => {
  const stream = screen();
  let epoch = 0;
  await show(stream, [0, 100, 1000], {besides: () => stream.write(`Epoch ${++epoch} / 3\n`)});
  expect(stream.text).not.toMatch(/[\x1b\r]/);
  expect(stream.lines.filter(line => line.startsWith('Epoch'))).toHaveLength(3);
});

it('ends with one table of all layers, and names the report last of all', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'console-'));
  writeFileSync(join(folder, 'report.html'), '');
  const stream = screen();
  await show(stream, [0, 100, 1000], {folder});
  const {lines} = stream;
  expect(lines.at(-1)).toBe(`run birds run-1 finished: ${join(folder, 'report.html')}`);
  expect(lines).toContain('layers at step 1000:');
  expect(lines.filter(line => line.startsWith('block_00  '))).toHaveLength(1);
  const row = lines.find(line => line.startsWith('block_00  '))!;
  expect(row).toContain('0.500 ██████████░░░░░░░░░░');
  expect(row).toContain('[0.450, 0.550]');
  expect(lines.find(line => line.startsWith('block_01  '))).toMatch(/withheld +– +– +– /);
  expect(lines).toContain('withheld, inversion not converged: block_01');
});

it('names the folder of the record where there is no report', async () => {
  const stream = screen();
  await show(stream, [0]);
  expect(stream.lines.at(-1)).toBe('run birds run-1 finished: recorded in invariance/run-1');
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

it('leaves the bars of the table out on a terminal that is too narrow for them', async () => {
  const wide = screen();
  await show(wide, [1000]);
  const width = Math.max(
    ...wide.lines.filter(line => /^(layer|block|norm)/.test(line)).map(({length}) => length),
  );
  const narrow = screen({columns: width - 1});
  await show(narrow, [1000]);
  expect(wide.text).toContain('█');
  expect(narrow.text).not.toContain('█');
  expect(narrow.text).toContain('[0.450, 0.550]');
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
