import {deeperHalf, MIN_RANGE} from '../metrics/index.js';
import type {Baseline, LayerName, Reading} from '../types.js';
import {changeSentences} from './changes.js';
import {listed} from '../listed.js';
import {wordsOf, type RenderedRun} from './run.js';

/** Where plain words turn from one to the next. They are for reading only; no number is changed by them. */
const WORDS = {
  /** A layer with at least this score "keeps" its invariances. */
  keeps: 0.9,
  /** A layer under this score has "forgotten most". */
  forgets: 0.5,
  /** Compression under this share of the depth is "stays". */
  stays: 0.02,
  /** A layer with at least this drift "represents the probes differently". */
  drifts: 0.2,
  /** A control above this is too high to be chance. */
  control: 0.1,
};

/** Up to this many layers are given their shares one by one, more of them a range. */
const MAX_SINGLE = 4;

/** What a run says, in sentences. */
export interface Summary {
  kept: string[];
  moved: string[];
  trust: string[];
}

/** Which layers keep, which forget, what moved, and whether the numbers can be trusted. */
export function summaryOf(run: RenderedRun): Summary {
  const {info, baseline, readings} = run;
  const last = readings.at(-1);
  return {
    kept: last
      ? [
          ...keptSentences(last, wordsOf(run, last).where),
          ...(baseline ? rangeSentences(baseline, last) : []),
          ...(baseline ? changeSentences(baseline, readings) : []),
        ]
      : ['No reading has been taken yet.'],
    moved: last && baseline ? movedSentences(baseline, last) : [],
    trust: baseline
      ? trustSentences(baseline, readings, info.probes.count)
      : ['The pretrained model has not been measured yet, so there is nothing to compare with.'],
  };
}

function keptSentences({layers, scores}: Reading, place: string): string[] {
  const where = place[0]!.toUpperCase() + place.slice(1);
  const values = scores.map(score => (score.status === 'scored' ? score.value : null));
  const between = (low: number, high: number) =>
    layers.filter((_, i) => values[i] !== null && values[i]! >= low && values[i]! < high);
  const scored = values.filter(value => value !== null).length;
  if (scored === 0) {
    return [
      `${where} no layer has a score: all ${layers.length} are withheld, for the reasons listed below.`,
    ];
  }
  const kept = between(WORDS.keeps, Infinity);
  const part = between(WORDS.forgets, WORDS.keeps);
  const forgotten = between(0, WORDS.forgets);
  const beyond = between(-Infinity, 0);
  const left = (some: readonly LayerName[]) => {
    const shares = some.map(layer => values[layers.indexOf(layer)]!);
    return some.length <= MAX_SINGLE
      ? some.map((layer, k) => `${layer} ${asPercent(shares[k]!)}`).join(', ')
      : `${listed(some, layers)}, ${asPercent(Math.min(...shares))} to ${asPercent(Math.max(...shares))}`;
  };
  const certain = layers.filter((_, i) => {
    const score = scores[i]!;
    return score.status === 'scored' && score.high !== null && score.high < 1;
  });
  return [
    kept.length === scored
      ? `${where} all ${scored} scored layers keep at least ${asPercent(WORDS.keeps)} of the invariance that pretraining gave them.`
      : `${where}, ${kept.length || 'none'} of ${scored} scored layers ${kept.length > 1 ? 'keep' : 'keeps'} at least ${asPercent(WORDS.keeps)} of the invariance that pretraining gave ${kept.length > 1 ? 'them' : 'it'}${kept.length ? `: ${listed(kept, layers)}` : ''}.`,
    ...(part.length ? [`Forgotten in part, with this much left: ${left(part)}.`] : []),
    ...(forgotten.length ? [`Forgotten for the most part, with this much left: ${left(forgotten)}.`] : []),
    ...(beyond.length
      ? [`Less than an untrained network shows (a score under 0): ${listed(beyond, layers)}.`]
      : []),
    certain.length
      ? `The loss exceeds the sampling noise of the probes (95 % interval under 100 %) in ${listed(certain, layers)}.`
      : 'No loss exceeds the sampling noise of the probes: every interval reaches 100 %, or there is none.',
    ...(scored < layers.length
      ? [`${layers.length - scored} of ${layers.length} layers have no score; the reasons are listed below.`]
      : []),
  ];
}

/** Layers that a random network nearly equals have no score, yet their similarity can still be told. */
function rangeSentences({ceiling, floor, gates}: Baseline, {layers, retention, scores}: Reading): string[] {
  const diagonal = ({unbiased}: Reading['retention'], i: number) => unbiased[i]![i]!;
  const narrow = layers.filter((_, i) => {
    const [top, bottom] = [diagonal(ceiling, i), diagonal(floor, i)];
    const narrowly = top !== null && bottom !== null && top - bottom < MIN_RANGE;
    return narrowly && gates[i]!.passed && scores[i]!.status === 'withheld';
  });
  if (narrow.length === 0) return [];
  const lost = narrow.map(layer => {
    const i = layers.indexOf(layer);
    const [top, now] = [diagonal(ceiling, i), diagonal(retention, i)];
    return top === null || now === null ? 0 : top - now;
  });
  const most = Math.max(...lost);
  return [
    `In ${listed(narrow, layers)} even a random network comes within ${MIN_RANGE} of the pretrained model, too little to read a score in. Their similarity R has fallen by ${most.toFixed(3)} at most (${narrow[lost.indexOf(most)]}); a narrower pooling, the class token alone, tells more.`,
  ];
}

function movedSentences(baseline: Baseline, {layers, scores, drift, compression, flow}: Reading): string[] {
  const mean = compression.mean;
  const sentences = [];
  if (mean === null) {
    const failed = deeperHalf(baseline.blocks).filter(
      block => !baseline.gates[baseline.layers.indexOf(block)]!.passed,
    );
    const why = failed.length ? `: inversion not converged in ${listed(failed, layers)}` : '';
    sentences.push(
      `Whether invariances moved between blocks is not known for the deeper half of the blocks${why}.`,
    );
  } else if (Math.abs(mean) < WORDS.stays) {
    sentences.push(
      `Invariances of the deeper blocks stay where they were: their centre moved by ${asPercent(Math.abs(mean), 1)} of the depth.`,
    );
  } else {
    sentences.push(
      `Invariances of the deeper blocks moved to ${mean > 0 ? 'shallower' : 'deeper'} layers, by ${asPercent(Math.abs(mean), 1)} of the depth on average.`,
    );
    const farthest = indexOfLargest(compression.layers.map(value => value && Math.abs(value)));
    if (farthest !== null) {
      const before = baseline.flow[farthest]!.toFixed(1);
      const after = flow.centre[farthest]!.toFixed(1);
      sentences.push(
        `${layers[farthest]} moved farthest: its centre went from block ${before} to block ${after}.`,
      );
    }
  }
  const changed = layers.filter((_, i) => (drift.unbiased[i]![i] ?? 0) >= WORDS.drifts);
  const movedAndKept = changed.filter(layer => {
    const score = scores[layers.indexOf(layer)]!;
    return score.status === 'scored' && score.value >= WORDS.keeps;
  });
  if (movedAndKept.length) {
    sentences.push(
      `Changed and yet kept: ${listed(movedAndKept, layers)} represent${movedAndKept.length === 1 ? 's' : ''} the probes differently (drift of ${WORDS.drifts.toFixed(1)} or more), with the invariance intact.`,
    );
  }
  return sentences;
}

function trustSentences(baseline: Baseline, readings: readonly Reading[], probes: number): string[] {
  const {gates, layers, controls, fingerprint} = baseline;
  const failed = gates.filter(gate => !gate.passed).map(gate => gate.layer);
  const highest = Math.max(
    0,
    ...[...controls.noise, ...controls.permuted].map(value => Math.abs(value ?? 0)),
  );
  const strangers = readings.filter(reading => reading.fingerprint !== fingerprint.id).length;
  return [
    failed.length === 0
      ? `The inversion converged in all ${gates.length} layers.`
      : `The inversion converged in ${gates.length - failed.length} of ${gates.length} layers; not in ${listed(failed, layers)}, whose scores are withheld. More inversion steps would help.`,
    highest <= WORDS.control
      ? `Controls that must fail do: the highest similarity of unrelated images is ${highest.toFixed(2)}.`
      : `A control is too high: unrelated images reach a similarity of ${highest.toFixed(2)}, where about 0 is expected. Treat the scores with care, and take more probes.`,
    probes < 8
      ? `There are only ${probes} probe images, too few for intervals; 64 or more are advised.`
      : `Intervals hold the uncertainty from the choice of the ${probes} probe images, and no other.`,
    ...(strangers
      ? [
          `${strangers} readings have another fingerprint than the baseline and must not be compared with the others.`,
        ]
      : []),
  ];
}

function indexOfLargest(values: readonly (number | null)[]): number | null {
  const known = values.filter(value => value !== null);
  return known.length ? values.indexOf(Math.max(...known)) : null;
}

function asPercent(share: number, digits = 0): string {
  const percent = (100 * share).toFixed(digits);
  return `${Number(percent) === 0 ? (0).toFixed(digits) : percent.replace('-', '−')} %`;
}
