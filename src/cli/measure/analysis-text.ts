import {factorSentences, factorTable} from '../../factors/index.js';
import {deeperHalf, notConverged} from '../../metrics/index.js';
import type {Gate, Score} from '../../types.js';
import type {Analysis} from './analysis.js';
import {ridgeText} from './ridge-text.js';
import {durationOf, textTable} from '../../terminal/index.js';

const BRACKETS = 'In brackets: measured on images whose inversion did not converge; nothing follows from it.';

/** Movements of less than this share of the depth are not called movements. */
const STAYS = 0.02;

/** The table of one analysis, a line a layer, and what it says in a sentence. */
export function analysisText(analysis: Analysis): string {
  const {layers, scores, gates, probes, engine, cost, fingerprint} = analysis;
  const head = ['layer', 'retention [95 %]', 'R', 'W0', 'floor', 'drift', 'weights', 'moved', 'inversion'];
  const rows = layers.map((layer, i) => {
    const gate = gates[i]!;
    return [
      layer,
      scoreText(scores[i]!),
      ...[analysis.R, analysis.W0, analysis.floor].map(({unbiased}) => judged(unbiased[i]![i]!, gate)),
      number(analysis.drift.unbiased[i]![i]!),
      number(analysis.weightDrift[i]!),
      moveText(analysis, i),
      gateText(gate),
    ];
  });
  const withheld = layers.flatMap((layer, i) => {
    const score = scores[i]!;
    return score.status === 'withheld' ? [`${layer}: retention withheld, ${score.reason}`] : [];
  });
  return [
    textTable([head, ...rows]),
    ...withheld,
    ...acquiredText(analysis),
    ...ridgeText(analysis),
    ...factorText(analysis),
    ...(unconverged([...gates, ...(analysis.acquiredGates ?? [])]).length > 0 ? [BRACKETS] : []),
    summaryText(analysis),
    ...convergenceText(analysis),
    `${probes.count} probes of ${probes.source}; ${engine}; ${durationOf(cost.seconds)}; ` +
      `fingerprint ${fingerprint.id.slice(0, 12)}`,
    '',
  ].join('\n');
}

/** What A says, a line a layer; nothing where it was not asked for. */
function acquiredText({layers, A, novelty, gates, acquiredGates}: Analysis): string[] {
  if (!A || !novelty || !acquiredGates) return [];
  const rows = layers.map((layer, i) => [
    layer,
    judged(A.unbiased[i]![i]!, acquiredGates[i]!),
    number(novelty[i]!),
    gateText(acquiredGates[i]!),
  ]);
  const withheld = layers.flatMap((layer, i) => {
    const [pretrained, own] = [gates[i]!, acquiredGates[i]!];
    if (pretrained.passed && own.passed) return [];
    const [failed, whose] = own.passed ? [pretrained, 'pretrained'] : [own, 'finetuned'];
    return [`${layer}: novelty withheld, of the ${whose} layer ${notConverged(failed)}`];
  });
  return [
    '',
    textTable([['layer', 'A', 'novelty', 'inversion of the finetuned layer'], ...rows]),
    ...withheld,
  ];
}

/** Which invariances changed; nothing where no factor was asked for. */
function factorText({layers, factors, drift}: Analysis): string[] {
  if (!factors) return [];
  const {pretrained, finetuned} = factors;
  return [
    '',
    textTable(factorTable(layers, pretrained, finetuned)),
    ...factorSentences({factors: pretrained}, {layers, factors: finetuned, drift}),
    '',
  ];
}

/** One sentence: what is kept, what is forgotten most, which way it moved. */
function summaryText({layers, blocks, scores, gates, compression}: Analysis): string {
  const scored = layers.flatMap((layer, i) => {
    const score = scores[i]!;
    return score.status === 'scored' ? [{layer, ...score}] : [];
  });
  if (scored.length === 0) return 'No layer could be scored: see the reasons above.';
  const kept = scored.filter(({value}) => value >= 0.9).length;
  const lowest = scored.reduce((a, b) => (b.value < a.value ? b : a));
  const mean = compression.mean;
  const deeper = deeperHalf(blocks);
  const failed = unconverged(gates.filter(({layer}) => deeper.includes(layer)));
  const why = failed.length > 0 ? `: inversion not converged in ${failed.join(', ')}` : '';
  const way =
    mean === null
      ? deeper.length > 0
        ? `; where invariances of the deeper half moved is not known${why}`
        : ''
      : Math.abs(mean) < STAYS
        ? '; invariances of the deeper half stay where they were'
        : `; invariances of the deeper half moved ${number(Math.abs(mean))} of the depth ${mean > 0 ? 'shallower' : 'deeper'}`;
  return (
    `${kept} of ${scored.length} scored layers keep at least 0.9 of their invariances; ` +
    `${lowest.layer} keeps least, ${scoreText(lowest)}${way}.`
  );
}

/** Whether more inversion would change R, by the layer where it would change most. */
function convergenceText({layers, gates, convergence}: Analysis): string[] {
  const known = layers.flatMap((layer, i) => {
    const change = convergence?.[i] ?? null;
    return change === null || !gates[i]!.passed ? [] : [{layer, change}];
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

function moveText({layers, blocks, flow, compression}: Analysis, i: number): string {
  const share = compression.layers[i] ?? null;
  const strongest = flow.strongest[i] ?? null;
  if (share === null || strongest === null) return blocks.includes(layers[i]!) ? 'not known' : '–';
  const way = Math.abs(share) < STAYS ? 'stays' : share > 0 ? 'shallower' : 'deeper';
  return `${way} ${number(Math.abs(share))}, most in ${layers[strongest]!}`;
}

function gateText({fvu, passed}: Gate): string {
  return `fvu ${number(fvu)} ${passed ? 'ok' : 'not converged'}`;
}

function unconverged(gates: readonly Gate[]): string[] {
  return gates.flatMap(({layer, passed}) => (passed ? [] : [layer]));
}

/** A number that rests on inverted images, in brackets where they are not good enough. */
function judged(value: number | null, {passed}: Gate): string {
  return passed || value === null ? number(value) : `(${number(value)})`;
}

function number(value: number | null): string {
  return value === null ? '–' : value.toFixed(3);
}
