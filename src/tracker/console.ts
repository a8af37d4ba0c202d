import {stripVTControlCharacters} from 'node:util';
import type {Baseline, Gate, Reading} from '../types.js';
import type {Tracker} from './contract.js';

/** What the console writes to: a terminal, a file, or a test's collector. */
export interface TextStream {
  /** Takes text with its line feeds. */
  write(text: string): unknown;
  /** Whether the table may be redrawn in place. Default false. */
  readonly isTTY?: boolean;
  /** Width in characters. Default 120. */
  readonly columns?: number;
}

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

/** One line that says all that matters of a reading: where no terminal can redraw a table. */
export function readingLine(reading: Reading): string {
  const scored = scoredOf(reading);
  const seconds = `${reading.cost.seconds.toFixed(1)} s`;
  if (scored.length === 0) return `${moment(reading)}  retention withheld in all layers  (${seconds})`;
  const lowest = scored.reduce((a, b) => (b.value < a.value ? b : a));
  return (
    `${moment(reading)}  retention ${fixed(reading.meanScore)}  ` +
    `lowest ${lowest.layer} ${fixed(lowest.value)}  ` +
    `${scored.length}/${reading.layers.length} layers scored  (${seconds})`
  );
}

/** The table of one reading, a line a layer. */
function tableOf(reading: Reading, gates: readonly Gate[]): string[] {
  const width = Math.max(5, ...reading.layers.map(layer => layer.length));
  const head = `${'layer'.padEnd(width)}  retention ${' '.repeat(barWidth)}  95 %            R[i,i]  drift  inversion`;
  const rows = reading.layers.map((layer, i) => {
    const score = reading.scores[i];
    const similarity = fixed(reading.retention.unbiased[i]?.[i]).padStart(6);
    const drift = fixed(reading.drift.unbiased[i]?.[i]).padStart(5);
    const gate = gates.find(candidate => candidate.layer === layer);
    const inversion = gate === undefined ? '' : `fvu ${fixed(gate.fvu)}${gate.passed ? '' : ' !'}`;
    if (score?.status !== 'scored') {
      return `${layer.padEnd(width)}  withheld: ${score?.reason ?? 'not measured'}`;
    }
    const interval = score.low === null ? '' : `[${fixed(score.low)}, ${fixed(score.high)}]`;
    return [
      layer.padEnd(width),
      `${fixed(score.value).padStart(8)} ${bar(score.value)}`,
      interval.padEnd(15),
      similarity,
      drift,
      inversion,
    ].join('  ');
  });
  return [readingLine(reading), head, ...rows];
}

/**
 * Says on standard error how a run goes. On a terminal: a table of all layers that is redrawn with each reading.
 * Elsewhere: one line a reading. Notices and checkpoints get a line of their own; nothing goes to standard output. The
 * monitor has one of its own on a terminal, and with `console: true`.
 *
 * @param options where it says so.
 * @example
 * import {createWriteStream} from 'node:fs';
 * import {consoleTracker} from 'wandb-invariance';
 *
 * const tracker = consoleTracker({stream: createWriteStream('invariance.log')});
 */
export function consoleTracker({stream = process.stderr}: ConsoleTrackerOptions = {}): Tracker {
  let name = '';
  let baseline: Baseline | undefined;
  /** Lines of the table that stands at the bottom of the terminal, to be redrawn. */
  let drawn: string[] = [];

  function clear(): void {
    if (drawn.length > 0) stream.write(`\x1b[${drawn.length}A\x1b[0J`);
  }
  function draw(lines: string[]): void {
    const columns = stream.columns ?? 120;
    drawn = lines.map(line =>
      stripVTControlCharacters(line).length > columns ? line.slice(0, columns) : line,
    );
    stream.write(drawn.map(line => `${line}\n`).join(''));
  }
  function say(text: string): void {
    clear();
    stream.write(`${text}\n`);
    if (drawn.length > 0) draw(drawn);
  }

  return {
    name: 'console',
    start(info, {resumed}) {
      name = info.name;
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
          say(`${event.level === 'info' ? '' : `${event.level}: `}${event.message}`);
          break;
        case 'logged':
        case 'ended':
          break;
      }
    },
    reading(reading) {
      if (!stream.isTTY) return say(readingLine(reading));
      clear();
      draw(tableOf(reading, baseline?.gates ?? []));
    },
    finish(state) {
      // The last table stays on the screen.
      drawn = [];
      say(`run ${name} ${state}`);
    },
  };
}
