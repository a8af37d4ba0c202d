import {Command} from 'commander';
import type {Comparison, LayerDifference} from '../compare/index.js';
import {runsFolder} from '../runs-folder.js';
import {textTable} from '../terminal/index.js';
import type {Score} from '../types.js';
import {wholeNumber} from './whole-number.js';

interface CompareOptions {
  step?: number;
  dir: string;
  out?: string;
  json?: true;
}

/** `compare`: two runs of one fingerprint, layer by layer. */
export function compareCommand(): Command {
  return new Command('compare')
    .description('compare the retention of two runs that were measured alike')
    .argument('<a>', 'id or name of a run, as `list` shows it, or a run folder')
    .argument('<b>', 'the other run')
    .option(
      '--step <n>',
      'at the last readings at or before this step (default: the last of each)',
      wholeNumber(0),
    )
    .option('--dir <dir>', 'folder of the runs', runsFolder())
    .option('--out <dir>', 'leave a picture of the difference at the steps both have, as SVG and PNG')
    .option('--json', 'print JSON instead of a table')
    .action(compare);
}

async function compare(a: string, b: string, {step, dir, out, json}: CompareOptions): Promise<void> {
  const {compareRuns} = await import('../compare/index.js');
  const {renderDifference} = await import('../render/index.js');
  const {leftOutText, readRun} = await import('../journal/index.js');
  const {runFolder} = await import('./run-folder.js');
  const runs = {a: await readRun(await runFolder(a, dir)), b: await readRun(await runFolder(b, dir))};
  for (const {info, problems} of [runs.a, runs.b]) {
    const text = leftOutText(problems);
    if (text !== null) process.stderr.write(`${info.id}: ${text}\n`);
  }
  const comparison = compareRuns(runs.a, runs.b, {step});
  const pictures = out === undefined ? [] : await renderDifference({...runs, folder: out});
  process.stdout.write(json ? `${JSON.stringify(comparison, null, 2)}\n` : tableOf(comparison));
  if (!json && pictures.length > 0) process.stdout.write(`\n${pictures.join('\n')}\n`);
}

function tableOf({a, b, layers}: Comparison): string {
  const rows = [
    ['layer', `${a.name} (step ${a.step})`, `${b.name} (step ${b.step})`, 'second − first'],
    ...layers.map(layer => [layer.layer, scoreText(layer.a), scoreText(layer.b), differenceText(layer)]),
  ];
  const head = 'retention score, 1 = all kept, 0 = no more than an untrained network';
  const foot = [
    'clear: the 95 % intervals over probe images do not overlap',
    ...[a, b].flatMap(({name, step}) =>
      step === 0
        ? [`${name} at step 0 is the pretrained model itself: no checkpoint of it was measured`]
        : [],
    ),
    ...(a.step !== b.step
      ? [`the last steps differ; --step ${Math.min(a.step, b.step)} compares at one`]
      : []),
  ];
  return `${head}\n\n${textTable(rows)}${foot.join('\n')}\n`;
}

function scoreText(score: Score): string {
  if (score.status === 'withheld') return `withheld: ${score.reason}`;
  const {value, low, high} = score;
  return low === null || high === null
    ? value.toFixed(2)
    : `${value.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`;
}

function differenceText({difference, clear}: LayerDifference): string {
  if (difference === null) return '–';
  const sign = difference > 0 ? '+' : '';
  return `${sign}${difference.toFixed(2)}${clear === true ? ' (clear)' : clear === false ? ' (intervals overlap)' : ''}`;
}
