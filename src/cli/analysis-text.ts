import type {Score} from '../types.js';
import type {Analysis} from './analysis.js';
import {durationOf} from '../plugin/index.js';
import {textTable} from './text-table.js';

/** Movements of less than this share of the depth are not called movements. */
const STAYS = 0.02;

/** The table of one analysis, a line a layer, and what it says in a sentence. */
export function analysisText(analysis: Analysis): string {
  const {layers, scores, gates, probes, engine, cost, fingerprint} = analysis;
  const head = ['layer', 'retention [95 %]', 'R', 'W0', 'floor', 'drift', 'weights', 'moved', 'inversion'];
  const rows = layers.map((layer, i) => [
    layer,
    scoreText(scores[i]!),
    number(analysis.R.unbiased[i]![i]!),
    number(analysis.W0.unbiased[i]![i]!),
    number(analysis.floor.unbiased[i]![i]!),
    number(analysis.drift.unbiased[i]![i]!),
    number(analysis.weightDrift[i]!),
    moveText(analysis, i),
    `fvu ${number(gates[i]!.fvu)} ${gates[i]!.passed ? 'ok' : 'not converged'}`,
  ]);
  const withheld = layers.flatMap((layer, i) => {
    const score = scores[i]!;
    return score.status === 'withheld' ? [`${layer}: retention withheld, ${score.reason}`] : [];
  });
  return [
    textTable([head, ...rows]),
    ...withheld,
    summaryText(analysis),
    ...convergenceText(analysis),
    `${probes.count} probes of ${probes.source}; ${engine}; ${durationOf(cost.seconds)}; ` +
      `fingerprint ${fingerprint.id.slice(0, 12)}`,
    '',
  ].join('\n');
}

/** One sentence: what is kept, what is forgotten most, which way it moved. */
function summaryText({layers, scores, compression}: Analysis): string {
  const scored = layers.flatMap((layer, i) => {
    const score = scores[i]!;
    return score.status === 'scored' ? [{layer, ...score}] : [];
  });
  if (scored.length === 0) return 'No layer could be scored: see the reasons above.';
  const kept = scored.filter(({value}) => value >= 0.9).length;
  const lowest = scored.reduce((a, b) => (b.value < a.value ? b : a));
  const mean = compression.mean;
  const way =
    mean === null
      ? ''
      : Math.abs(mean) < STAYS
        ? '; invariances of the deeper half stay where they were'
        : `; invariances of the deeper half moved ${number(Math.abs(mean))} of the depth ${mean > 0 ? 'shallower' : 'deeper'}`;
  return (
    `${kept} of ${scored.length} scored layers keep at least 0.9 of their invariances; ` +
    `${lowest.layer} keeps least, ${scoreText(lowest)}${way}.`
  );
}

/** Whether more inversion would change R, by the layer where it would change most. */
function convergenceText({layers, convergence}: Analysis): string[] {
  const known = layers.flatMap((layer, i) => {
    const change = convergence?.[i] ?? null;
    return change === null ? [] : [{layer, change}];
  });
  if (known.length === 0) return [];
  const most = known.reduce((a, b) => (b.change > a.change ? b : a));
  return [`The second half of the inversion changed R by at most ${number(most.change)} (${most.layer}).`];
}

function scoreText(score: Score): string {
  if (score.status === 'withheld') return 'withheld';
  const interval = score.low === null ? '' : ` [${number(score.low)}, ${number(score.high)}]`;
  return `${number(score.value)}${interval}`;
}

function moveText({layers, flow, compression}: Analysis, i: number): string {
  const share = compression.layers[i] ?? null;
  const strongest = flow.strongest[i] ?? null;
  if (share === null || strongest === null) return '–';
  const way = Math.abs(share) < STAYS ? 'stays' : share > 0 ? 'shallower' : 'deeper';
  return `${way} ${number(Math.abs(share))}, most in ${layers[strongest]!}`;
}

function number(value: number | null): string {
  return value === null ? '–' : value.toFixed(3);
}
