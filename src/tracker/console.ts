import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {factorSentences, factorWords} from '../factors/index.js';
import {DIVERGED, type Divergence, stateWords} from '../divergence.js';
import {runFiles} from '../journal/index.js';
import {listed} from '../listed.js';
import {fallen, marksOf} from '../marks.js';
import {movementSentences} from '../movement.js';
import {textTable, type TextStream} from '../terminal/index.js';
import type {Baseline, Reading} from '../types.js';
import type {Tracker} from './contract.js';

/** What `consoleTracker` takes. */
export interface ConsoleTrackerOptions {
  /** Default: standard error. */
  stream?: TextStream;
}

/** A bar of the table is this wide, in characters. */
const barWidth = 20;

function bar(value: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, value)) * barWidth);
  return '█'.repeat(filled) + '░'.repeat(barWidth - filled);
}

function fixed(value: number | null | undefined): string {
  return typeof value === 'number' && Number.isFinite(value) ? value.toFixed(3) : '–';
}

function moment({step, epoch}: {step: number; epoch: number | null}): string {
  return epoch === null ? `step ${step}` : `step ${step}, epoch ${epoch.toFixed(2)}`;
}

function scoredOf(reading: Reading): {layer: string; value: number}[] {
  return reading.layers.flatMap((layer, i) => {
    const score = reading.scores[i];
    return score?.status === 'scored' ? [{layer, value: score.value}] : [];
  });
}

/** One line that says all that matters of a reading. */
export function readingLine(reading: Reading, baseline?: Baseline): string {
  const scored = scoredOf(reading);
  const seconds = `${reading.cost.seconds.toFixed(1)} s`;
  if (scored.length === 0)
    return `${moment(reading)}  retention withheld in all layers${similarityText(reading, baseline)}  (${seconds})`;
  const lowest = scored.reduce((a, b) => (b.value < a.value ? b : a));
  return (
    `${moment(reading)}  retention ${fixed(reading.meanScore)}  ` +
    `lowest ${lowest.layer} ${fixed(lowest.value)}  ` +
    `${scored.length}/${reading.layers.length} layers scored  (${seconds})`
  );
}

/** What can be told where nothing is scored. */
function similarityText(reading: Reading, baseline: Baseline | undefined): string {
  if (!baseline?.gates.some(({passed}) => passed)) return '';
  const [most] = fallen(baseline, reading);
  return most
    ? `  R lowest under its ceiling in ${most.layer}, ${fixed(most.marks.retention)} of ${fixed(most.marks.ceiling)}`
    : '  R under its ceiling in none';
}

/** The table of one reading, a line a layer, and what moved. Where it is wider than `columns`, without the bars. */
function tableOf(reading: Reading, baseline: Baseline | undefined, columns = Infinity): string[] {
  const table = [true, false].map(bars => layerTable(reading, baseline, {bars}));
  const fits = table.find(lines => lines.every(line => line.length <= columns)) ?? table[1]!;
  return [
    ...fits,
    ...withheldLines(reading),
    ...(baseline ? movementSentences(baseline, reading) : []),
    ...factorSentences(baseline ?? null, reading),
  ];
}

function layerTable(reading: Reading, baseline: Baseline | undefined, {bars}: {bars: boolean}): string[] {
  const retention = `retention${' '.repeat(bars ? barWidth : 0)}`;
  const head = [
    'layer',
    retention,
    '95 %',
    'R [95 %]',
    'floor',
    ...(baseline?.scratch ? ['scratch'] : []),
    'ceiling',
    'drift',
    'inversion',
  ];
  const rows = reading.layers.map((layer, i) => {
    const score = reading.scores[i];
    const scored = score?.status === 'scored' ? score : null;
    const marks = baseline && marksOf(baseline, reading, i);
    const gate = baseline?.gates[i];
    const judged = (text: string) => (gate === undefined || gate.passed ? text : '–');
    return [
      layer,
      scored ? `${fixed(scored.value)}${bars ? ` ${bar(scored.value)}` : ''}` : 'withheld',
      scored && scored.low !== null ? `[${fixed(scored.low)}, ${fixed(scored.high)}]` : '',
      judged(
        fixed(reading.retention.unbiased[i]?.[i]) +
          (marks?.interval ? ` [${fixed(marks.interval.low)}, ${fixed(marks.interval.high)}]` : ''),
      ),
      judged(fixed(marks?.floor) + (marks && marks.spread !== null ? ` ± ${fixed(marks.spread)}` : '')),
      ...(baseline?.scratch ? [judged(fixed(marks?.scratch))] : []),
      judged(fixed(marks?.ceiling)),
      fixed(reading.drift.unbiased[i]?.[i]),
      gate === undefined ? '' : `fvu ${fixed(gate.fvu)}${gate.passed ? '' : ' !'}`,
    ];
  });
  return textTable([head, ...rows])
    .trimEnd()
    .split('\n');
}

/** Why layers have no score: the kind of reason, and of which layers. */
function withheldLines({layers, scores}: Reading): string[] {
  const kinds = new Map<string, string[]>();
  layers.forEach((layer, i) => {
    const score = scores[i];
    if (score?.status === 'scored') return;
    const kind = score?.reason.split(':')[0] ?? 'not measured';
    kinds.set(kind, [...(kinds.get(kind) ?? []), layer]);
  });
  return [...kinds].map(([kind, some]) => `withheld, ${kind}: ${listed(some, layers)}`);
}

/**
 * Says on standard error how a run goes: a line each for readings, notices and checkpoints, at the end a table of all
 * layers, and last of all where the report is. It only ever adds lines: what you or TensorFlow.js print stays. Nothing
 * goes to standard output. The monitor has one of its own on a terminal, and with `console: true`.
 *
 * @param options where it says so.
 * @example
 * import {createWriteStream} from 'node:fs';
 * import {consoleTracker} from 'wandb-invariance';
 *
 * const tracker = consoleTracker({stream: createWriteStream('invariance.log')});
 */
export function consoleTracker({stream = process.stderr}: ConsoleTrackerOptions = {}): Tracker {
  const say = (line: string): void => void stream.write(`${line}\n`);
  let name = '';
  let folder = '';
  let baseline: Baseline | undefined;
  let last: Reading | undefined;
  let diverged: Divergence | null = null;
  let unscored: string | null = null;

  return {
    name: 'console',
    start(info, {resumed, folder: given}) {
      name = info.name;
      folder = given;
      say(
        `wandb-invariance: run ${info.name} ${resumed ? 'resumed' : 'started'}: ` +
          `${info.layers.length} layers, ${info.probes.count} probes, ${info.engine}`,
      );
    },
    event(event) {
      switch (event.type) {
        case 'baseline': {
          baseline = structuredClone(event.baseline);
          const failed = baseline.gates.filter(gate => !gate.passed).map(gate => gate.layer);
          say(
            `pretrained model measured in ${baseline.cost.seconds.toFixed(1)} s` +
              (failed.length === 0 ? '' : `; inversion not converged in ${failed.join(', ')}`),
          );
          break;
        }
        case 'checkpoint':
          say(
            `checkpoint ${event.path}${event.aliases.length === 0 ? '' : ` (${event.aliases.join(', ')})`}`,
          );
          break;
        case 'resumed':
          say(`resumed at step ${event.step}`);
          break;
        case 'notice':
          if (event.code === 'nothing_scored') unscored = event.message;
          if (event.code === DIVERGED) diverged ??= {step: event.step ?? 0, message: event.message};
          say(`${event.level === 'info' ? '' : `${event.level}: `}${event.message}`);
          break;
        case 'logged':
        case 'ended':
          break;
      }
    },
    reading(reading) {
      last = structuredClone(reading);
      say([readingLine(reading, baseline), ...factorWords(baseline ?? null, reading).seen].join('  '));
    },
    finish(state) {
      if (last !== undefined)
        [`layers at step ${last.step}:`, ...tableOf(last, baseline, stream.columns)].forEach(say);
      if (unscored !== null) say(unscored);
      const report = join(folder, runFiles.report);
      const hasReport = state === 'finished' && existsSync(report);
      say(`run ${name} ${stateWords(state, diverged)}: ${hasReport ? report : `recorded in ${folder}`}`);
    },
  };
}
