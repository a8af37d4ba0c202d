import {Command, InvalidArgumentError} from 'commander';
import type {Comparison, LayerDifference} from '../compare/index.js';
import {runsFolder} from '../runs-folder.js';
import {textTable} from '../terminal/index.js';
import type {Score} from '../types.js';
import {wholeNumber} from './whole-number.js';

interface CompareOptions {
  step?: number | [number, number];
  dir: string;
  out?: string;
  json?: true;
}

/** `compare`: two runs of one fingerprint, or two readings of one run, layer by layer. */
export function compareCommand(): Command {
  return new Command('compare')
    .description('compare the retention of two runs that were measured alike, or of two steps of one')
    .argument('<a>', 'id or name of a run, as `list` shows it, or a run folder')
    .argument('[b]', 'the other run (default: the same one, at the second of two steps)')
    .option(
      '--step <n[,m]>',
      'at the last readings at or before this step, or before one of each (default: the last of each)',
      steps,
    )
    .option('--dir <dir>', 'folder of the runs', runsFolder())
    .option('--out <dir>', 'leave a picture of the difference at the steps both have, as SVG and PNG')
    .option('--json', 'print JSON instead of a table')
    .action(compare);
}

/** "100", or "100,400" for one of each. */
function steps(text: string): number | [number, number] {
  const [one, other, ...more] = text.split(',').map(wholeNumber(0));
  if (more.length > 0) throw new InvalidArgumentError('give one step, or two with a comma between');
  return other === undefined ? one! : [one!, other];
}

async function compare(
  a: string,
  b: string | undefined,
  {step, dir, out, json}: CompareOptions,
  command: Command,
): Promise<void> {
  if (b === undefined && typeof step !== 'object')
    command.error('error: name another run, or two steps of this one: --step 100,400');
  if (b === undefined && out !== undefined)
    command.error('error: --out draws the difference of two runs: name another');
  const {compareRuns} = await import('../compare/index.js');
  const {renderDifference} = await import('../render/index.js');
  const {leftOutText, readRun} = await import('../journal/index.js');
  const {runFolder} = await import('./run-folder.js');
  const first = await readRun(await runFolder(a, dir));
  const second = b === undefined ? first : await readRun(await runFolder(b, dir));
  for (const {info, problems} of new Set([first, second])) {
    const text = leftOutText(problems);
    if (text !== null) process.stderr.write(`${info.id}: ${text}\n`);
  }
  const comparison = compareRuns(first, second, {step});
  const pictures = out === undefined ? [] : await renderDifference({a: first, b: second, folder: out});
  process.stdout.write(json ? `${JSON.stringify(comparison, null, 2)}\n` : tableOf(comparison));
  if (!json && pictures.length > 0) process.stdout.write(`\n${pictures.join('\n')}\n`);
}

function tableOf(comparison: Comparison): string {
  const {a, b, layers, meanScore} = comparison;
  const tested = layers.filter(({clear}) => clear !== null).length;
  const [first, second] = [a, b].map(({name, step}) => `${name} (step ${step})`) as [string, string];
  const rows = [
    ['layer', first, second, 'second − first', 'the same of R', ''],
    ...layers.map(layer => [
      layer.layer,
      scoreText(layer.a, layer.retention.a),
      scoreText(layer.b, layer.retention.b),
      differenceText(layer, 2),
      differenceText(layer.retention, 3),
      layer.clear === null ? '' : layer.clear ? 'clear' : 'not clear',
    ]),
    [
      'mean',
      meanScore.a?.toFixed(2) ?? '–',
      meanScore.b?.toFixed(2) ?? '–',
      differenceText(meanScore, 2),
      '',
      '',
    ],
  ];
  const head = 'retention score, 1 = all kept, 0 = no more than an untrained network';
  return `${head}\n\n${textTable(rows)}${footOf(comparison, tested).join('\n')}\n`;
}

function footOf({a, b, paired, layers}: Comparison, tested: number): string[] {
  const withPairs = [
    `clear (Holm, ${tested} layers): R differs on the same probe images, at 5 % for all layers together`,
    '[ ]: 95 % intervals over probe images, those of differences by pairs',
  ];
  const without = [
    'clear: the 95 % intervals over probe images do not overlap. recorded before differences could be taken by pairs:',
    'smaller ones go unseen; measure again to see them (inversions are cached, forward passes only)',
  ];
  return [
    ...(paired ? withPairs : without),
    'of other training seeds this says nothing: each is one training',
    ...layers.flatMap(({layer, a, b}) => {
      const score = [a, b].find(({status}) => status === 'withheld');
      return score?.status === 'withheld' ? [`${layer} withheld: ${score.reason}`] : [];
    }),
    ...[a, b]
      .filter(({step}) => step === 0)
      .map(({name}) => `${name} at step 0 is the pretrained model itself: no checkpoint of it was measured`),
    ...(a.step !== b.step && a.id !== b.id
      ? [`the last steps differ; --step ${Math.min(a.step, b.step)} compares at one`]
      : []),
  ];
}

function scoreText(score: Score, kept: number | null): string {
  return score.status === 'scored'
    ? `${score.value.toFixed(2)}${intervalText(score, 2)}`
    : `withheld${kept === null ? '' : `, R ${kept.toFixed(3)}`}`;
}

function differenceText(
  change: Pick<LayerDifference, 'difference' | 'low' | 'high'>,
  digits: number,
): string {
  if (change.difference === null) return '–';
  return `${signed(change.difference, digits)}${intervalText(change, digits, signed)}`;
}

function intervalText(
  {low, high}: {low: number | null; high: number | null},
  digits: number,
  text = (value: number, digits: number) => value.toFixed(digits),
): string {
  return low === null || high === null ? '' : ` [${text(low, digits)}, ${text(high, digits)}]`;
}

/** "+0.10", "-0.10"; what rounds to 0 has no sign. */
function signed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  if (Number(text) === 0) return text.replace('-', '');
  return value > 0 ? `+${text}` : text;
}
