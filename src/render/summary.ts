import {capitalised, listed} from '../listed.js';
import {fallen, marksOf} from '../marks.js';
import {compressionSentences, movementSentences} from '../movement.js';
import {inversionAdvice, nothingScored} from '../metrics/index.js';
import type {Baseline, LayerName, Reading} from '../types.js';
import {divergenceOf} from '../divergence.js';
import {changeSentences} from './changes.js';
import {wordsOf, type RenderedRun} from './run.js';

/** Where plain words turn from one to the next. They are for reading only; no number is changed by them. */
const WORDS = {
  /** A layer with at least this score "keeps" its invariances. */
  keeps: 0.9,
  /** A layer under this score has "forgotten most". */
  forgets: 0.5,
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
  const {info, baseline, readings, events} = run;
  const last = readings.at(-1);
  const diverged = divergenceOf(events);
  const unscored = baseline && nothingScored(baseline);
  return {
    kept: last
      ? [
          ...(diverged ? [`${capitalised(diverged.message)}.`] : []),
          ...keptSentences(last, wordsOf(run, last).where),
          ...(unscored === null ? [] : [`${capitalised(unscored)}.`]),
          ...(baseline ? similaritySentences(baseline, last) : []),
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
  const where = capitalised(place);
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
      ? `${where} all ${scored} scored layers keep at least ${asPercent(WORDS.keeps)} of the invariance that pretraining added.`
      : `${where}, ${kept.length || 'none'} of ${scored} scored layers ${kept.length > 1 ? 'keep' : 'keeps'} at least ${asPercent(WORDS.keeps)} of the invariance that pretraining added${kept.length ? `: ${listed(kept, layers)}` : ''}.`,
    ...(part.length ? [`Forgotten in part, with this much left: ${left(part)}.`] : []),
    ...(forgotten.length ? [`Forgotten for the most part, with this much left: ${left(forgotten)}.`] : []),
    ...(beyond.length
      ? [`Less than an untrained network shows (a score under 0): ${listed(beyond, layers)}.`]
      : []),
    certain.length
      ? `Forgotten beyond the noise of the measurement, each layer for itself (95 % interval under 100 %): ${listed(certain, layers)}.`
      : 'No layer has surely forgotten: every interval reaches 100 %, or there is none.',
    ...(scored < layers.length
      ? [`${layers.length - scored} of ${layers.length} layers have no score; the reasons are listed below.`]
      : []),
  ];
}

/** Layers without a score although their inversion converged still have a number: R under its ceiling. */
function similaritySentences(baseline: Baseline, reading: Reading): string[] {
  const {layers, scores} = reading;
  const readable = layers.filter((_, i) => {
    const {retention, floor, ceiling, passed} = marksOf(baseline, reading, i);
    return (
      scores[i]!.status === 'withheld' && passed && [retention, floor, ceiling].every(value => value !== null)
    );
  });
  if (readable.length === 0) return [];
  const below = fallen(baseline, reading).filter(({layer}) => readable.includes(layer));
  const [most] = below;
  return [
    `No score can be read in ${listed(readable, layers)}: the architecture alone gives nearly as much there as the pretrained model, or too few random networks say how much it gives. Their similarity R stands between its marks below.`,
    most
      ? `The whole interval of R lies under the ceiling in ${listed(
          layers.filter(layer => below.some(other => other.layer === layer)),
          layers,
        )}; most in ${most.layer}, ${most.marks.retention!.toFixed(3)} of ${most.marks.ceiling!.toFixed(3)}.`
      : 'In none of these layers the whole interval of R lies under the ceiling.',
  ];
}

function movedSentences(baseline: Baseline, reading: Reading): string[] {
  const {layers, scores, drift} = reading;
  const changed = layers.filter((_, i) => (drift.unbiased[i]![i] ?? 0) >= WORDS.drifts);
  const movedAndKept = changed.filter(layer => {
    const score = scores[layers.indexOf(layer)]!;
    return score.status === 'scored' && score.value >= WORDS.keeps;
  });
  return [
    ...movementSentences(baseline, reading),
    ...compressionSentences(reading),
    ...(movedAndKept.length
      ? [
          `Changed and yet kept: ${listed(movedAndKept, layers)} represent${movedAndKept.length === 1 ? 's' : ''} the probes differently (drift of ${WORDS.drifts.toFixed(1)} or more) and keep${movedAndKept.length === 1 ? 's' : ''} at least ${asPercent(WORDS.keeps)}.`,
        ]
      : []),
  ];
}

function trustSentences(baseline: Baseline, readings: readonly Reading[], probes: number): string[] {
  const {gates, layers, controls, fingerprint, floorSpread} = baseline;
  const failed = gates.filter(gate => !gate.passed).map(gate => gate.layer);
  const highest = Math.max(
    0,
    ...[...controls.noise, ...controls.permuted].map(value => Math.abs(value ?? 0)),
  );
  const strangers = readings.filter(reading => reading.fingerprint !== fingerprint.id).length;
  return [
    failed.length === 0
      ? `The inversion converged in all ${gates.length} layers.`
      : `The inversion converged in ${gates.length - failed.length} of ${gates.length} layers; not in ${listed(failed, layers)}, whose scores are withheld: ${inversionAdvice(baseline)}.`,
    highest <= WORDS.control
      ? `Controls that must fail do: the highest similarity of unrelated images is ${highest.toFixed(2)}.`
      : `A control is too high: unrelated images reach a similarity of ${highest.toFixed(2)}, where about 0 is expected. Treat the scores with care, and take more probes.`,
    probes < 8
      ? `There are only ${probes} probe images, too few for intervals; 64 or more are advised.`
      : `Intervals hold the choice of the ${probes} probe images with their seeds${floorSpread ? ` and the draws of the ${floorSpread.draws} random networks` : ''}, and no other uncertainty: another training seed may give other numbers.`,
    ...(strangers
      ? [
          `${strangers} readings have another fingerprint than the baseline and must not be compared with the others.`,
        ]
      : []),
  ];
}

function asPercent(share: number, digits = 0): string {
  const percent = (100 * share).toFixed(digits);
  return `${Number(percent) === 0 ? (0).toFixed(digits) : percent.replace('-', '−')} %`;
}
