import type {OnFeatures} from '../engine/index.js';
import {accuracyChange, accuracyOf, ridgeProbe, type RidgeProbe, withheld} from '../metrics/index.js';
import type {Labels} from '../probes/index.js';
import type {Features, LayerName, RidgeBaseline, RidgeReading, Score} from '../types.js';

/** Fewer images a class than this, and a probe's accuracy is noise. */
const MIN_IMAGES_A_CLASS = 4;

/** Bytes of pretrained features kept for the probes of all layers: 64 probes of a ViT-S/32 over all tokens take 130 MB. */
const KEPT_BYTES = 512 * 2 ** 20;

const UNREADABLE = 'the layer is constant or not finite';
const TOO_LARGE = 'the pretrained features of all tokens are too large to keep; pool by cls or mean';

/** A pretrained layer under one set of labels. */
interface Reference {
  /** Null where its features were too large to keep. */
  probe: RidgeProbe | null;
  scores: Float64Array;
}

/** Ridge probes of the pretrained layers, and of checkpoints beside them: one for each set of labels. */
export interface RidgeProbes {
  /** Takes the pretrained features; once, before any reading. */
  readonly reference: OnFeatures;
  baseline(): RidgeBaseline[];
  /** A reading: takes the features of a checkpoint, and then says what changed. Costs no forward pass. */
  read(): {onFeatures: OnFeatures; result(): RidgeReading[]};
}

/**
 * Null where no set of labels can be probed.
 *
 * @param onNotice told of a set with fewer than 4 images a class.
 */
export function openRidgeProbes(
  labels: readonly Labels[],
  onNotice: (code: string, message: string) => void,
): RidgeProbes | null {
  const sets = labels.filter(set => {
    const {source, names, of} = set;
    const sound = of.length >= MIN_IMAGES_A_CLASS * names.length;
    if (!sound)
      onNotice(
        'few_labels',
        `no ridge probe of ${source}: ${of.length} probes are fewer than ${MIN_IMAGES_A_CLASS} for each of ` +
          `${names.length} classes; take more probes`,
      );
    return sound;
  });
  if (sets.length === 0) return null;

  const pretrained = new Map<LayerName, (Reference | null)[]>();
  let free = KEPT_BYTES;

  function reference(layer: LayerName, features: Features): void {
    free -= Float64Array.BYTES_PER_ELEMENT * features.data.length;
    const fitted = sets.map(({of}) => {
      const probe = ridgeProbe(features, of);
      return probe && {probe: free >= 0 ? probe : null, scores: probe.leaveOneOut(features)};
    });
    pretrained.set(layer, fitted);
  }

  return {
    reference,
    baseline: () =>
      sets.map(({source, names, of}, at) => ({
        labels: source,
        classes: names.length,
        chance: Math.max(...names.map((_, c) => of.filter(label => label === c).length)) / of.length,
        accuracy: [...pretrained.values()].map(fitted => {
          const own = fitted[at]!;
          return own && accuracyOf(own.scores, of);
        }),
      })),
    read() {
      const readings = sets.map(({source}): RidgeReading => ({
        labels: source,
        accuracy: [],
        change: [],
        kept: [],
      }));
      return {
        onFeatures(layer, features) {
          for (const [at, {of}] of sets.entries()) {
            const {accuracy, change, kept} = judged(pretrained.get(layer)![at]!, features, of);
            readings[at]!.accuracy.push(accuracy);
            readings[at]!.change.push(change);
            readings[at]!.kept.push(kept);
          }
        },
        result: () => readings,
      };
    },
  };
}

function judged(
  before: Reference | null,
  features: Features,
  labels: readonly number[],
): {accuracy: number | null; change: Score; kept: Score} {
  const scores = ridgeProbe(features, labels)?.leaveOneOut(features);
  const accuracy = scores ? accuracyOf(scores, labels) : null;
  if (!before || !scores) return {accuracy, change: withheld(UNREADABLE), kept: withheld(UNREADABLE)};
  return {
    accuracy,
    change: accuracyChange(before.scores, scores, labels, {refitted: true}),
    kept: before.probe
      ? accuracyChange(before.scores, before.probe.leaveOneOut(features), labels)
      : withheld(TOO_LARGE),
  };
}
