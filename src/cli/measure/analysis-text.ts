import {factorSentences, factorTable} from '../../factors/index.js';
import {fallen, marksOf} from '../../marks.js';
import {notConverged} from '../../metrics/index.js';
import {compressionSentences, movementSentences} from '../../movement.js';
import {durationOf, textTable} from '../../terminal/index.js';
import type {Baseline, Gate, Interval, Reading, Score} from '../../types.js';
import type {Analysis} from './analysis.js';
import {ridgeText} from './ridge-text.js';

const BRACKETS = 'In brackets: measured on images whose inversion did not converge; nothing follows from it.';

/** The table of one analysis, a line a layer, and what it says in a sentence. */
export function analysisText(analysis: Analysis, baseline: Baseline, reading: Reading): string {
  const {layers, scores, gates, probes, engine, cost, fingerprint, scratch} = analysis;
  const head = [
    'layer',
    'retention [95 %]',
    'R [95 %]',
    'floor ± sd',
    ...(scratch ? ['scratch'] : []),
    'ceiling',
  ];
  const rows = layers.map((layer, i) => {
    const gate = gates[i]!;
    const marks = marksOf(baseline, reading, i);
    return [
      layer,
      scoreText(scores[i]!),
      judged(`${number(marks.retention)}${intervalText(marks.interval)}`, gate),
      judged(`${number(marks.floor)}${marks.spread === null ? '' : ` ± ${number(marks.spread)}`}`, gate),
      ...(scratch ? [judged(number(marks.scratch), gate)] : []),
      judged(number(marks.ceiling), gate),
      number(analysis.drift.unbiased[i]![i]!),
      number(analysis.weightDrift[i]!),
      gateText(gate),
    ];
  });
  const withheld = layers.flatMap((layer, i) => {
    const score = scores[i]!;
    return score.status === 'withheld' ? [`${layer}: retention withheld, ${score.reason}`] : [];
  });
  const table = textTable([[...head, 'drift', 'weights', 'inversion'], ...rows]);
  return [
    withheld.length ? table : table.trimEnd(),
    ...withheld,
    ...movedText(analysis),
    ...acquiredText(analysis),
    ...factorText(analysis),
    ...ridgeText(analysis),
    ...(unconverged([...gates, ...(analysis.acquiredGates ?? [])]).length > 0 ? [BRACKETS] : []),
    summaryText(analysis, baseline, reading),
    ...movementSentences(baseline, reading),
    ...compressionSentences(reading),
    ...convergenceText(analysis),
    `${probes.count} probes of ${probes.source}; ${engine}; ${durationOf(cost.seconds)}; ` +
      `fingerprint ${fingerprint.id.slice(0, 12)}`,
    '',
  ].join('\n');
}

/** What other blocks gained and lost of each layer's invariances. */
function movedText({layers, blocks, gain, loss, arrival, compression}: Analysis): string[] {
  if (!gain || !loss || !arrival) return [];
  const rows = layers.map((layer, i) => [
    layer,
    scoreText(gain[i]!),
    scoreText(loss[i]!),
    arrival[i] === null ? '–' : layers[arrival[i]!]!,
    blocks.includes(layer) ? number(compression.layers[i]!) : '',
  ]);
  return ['', textTable([['layer', 'gain [95 %]', 'loss [95 %]', 'arrived in', 'compression'], ...rows])];
}

/** What A says, a line a layer; nothing where it was not asked for. */
function acquiredText({layers, A, novelty, gates, acquiredGates}: Analysis): string[] {
  if (!A || !novelty || !acquiredGates) return [];
  const rows = layers.map((layer, i) => [
    layer,
    judged(number(A.unbiased[i]![i]!), acquiredGates[i]!),
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
    textTable(factorTable(layers, pretrained, finetuned)),
    ...factorSentences({factors: pretrained}, {layers, factors: finetuned, drift}),
    '',
  ];
}

/** What is kept and what is forgotten most; where nothing is scored, what R says. */
function summaryText({scores, layers, gates}: Analysis, baseline: Baseline, reading: Reading): string {
  const scored = layers.flatMap((layer, i) => {
    const score = scores[i]!;
    return score.status === 'scored' ? [{layer, ...score}] : [];
  });
  if (scored.length === 0) {
    const converged = gates.filter(({passed}) => passed).length;
    if (converged === 0) return 'No layer has a score, as no inversion converged: take more --steps.';
    const below = fallen(baseline, reading);
    const [most] = below;
    return (
      `No layer has a score: see the reasons above. The whole interval of R lies under the ceiling in ${below.length} of ` +
      `${converged} layers${most ? `, most in ${most.layer}: ${number(most.marks.retention)} of ${number(most.marks.ceiling)}` : ''}.`
    );
  }
  const kept = scored.filter(({value}) => value >= 0.9).length;
  const lowest = scored.reduce((a, b) => (b.value < a.value ? b : a));
  return (
    `${kept} of ${scored.length} scored layers keep at least 0.9 of the invariance that pretraining added; ` +
    `${lowest.layer} keeps least, ${scoreText(lowest)}.`
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
  const {value, low, high} = score;
  return `${number(value)}${intervalText(low === null || high === null ? null : {low, high})}`;
}

function intervalText(interval: Interval | null): string {
  return interval === null ? '' : ` [${number(interval.low)}, ${number(interval.high)}]`;
}

function gateText({fvu, passed}: Gate): string {
  return `fvu ${number(fvu)} ${passed ? 'ok' : 'not converged'}`;
}

function unconverged(gates: readonly Gate[]): string[] {
  return gates.flatMap(({layer, passed}) => (passed ? [] : [layer]));
}

/** What rests on inverted images, in brackets where they are not good enough. */
function judged(text: string, {passed}: Gate): string {
  return passed || text === number(null) ? text : `(${text})`;
}

function number(value: number | null): string {
  return value === null ? '–' : value.toFixed(3);
}
