import {InvarianceError} from '../errors.js';
import type {Estimates, Gram, Matrix} from '../types.js';
import {similarityMatrix} from './cka.js';

/**
 * D_t[i, j] = 1 − c(f0_i(X), ft_j(X)): how far layer j's view of the probes has moved from pretrained layer i's.
 *
 * @param options
 * @param options.reference Gram of every pretrained layer on X, (n, n).
 * @param options.current Gram of every layer of this checkpoint on X.
 * @returns two matrices, layers × layers; an entry is null where the similarity is withheld.
 * @throws InvarianceError `bad_option` where the Grams are not all of the same number of images.
 * @example
 * import {driftMatrix, gramOf, type FeatureRows} from 'wandb-invariance/metrics';
 *
 * declare const pretrained: FeatureRows[], finetuned: FeatureRows[]; // a layer each, on the same probes
 * const {unbiased} = driftMatrix({reference: pretrained.map(gramOf), current: finetuned.map(gramOf)});
 * console.log(unbiased.map((row, i) => row[i])); // how far each layer has moved from itself
 */
export function driftMatrix({
  reference,
  current,
}: {
  reference: readonly Gram[];
  current: readonly Gram[];
}): Estimates {
  const {unbiased, biased} = similarityMatrix(reference, current);
  const drift = (similarity: Matrix): Matrix =>
    similarity.map(row => row.map(value => (value === null ? null : 1 - value)));
  return {unbiased: drift(unbiased), biased: drift(biased)};
}

/** The weights that one layer depends on and no shallower measured one does, tensor by tensor. */
export type LayerWeights = readonly Float32Array[];

/**
 * ‖θt − θ0‖F / ‖θ0‖F of each layer, over all its tensors together. It tells a layer that moved and kept its invariances
 * from one that moved and forgot.
 *
 * @param reference θ0, one entry a layer.
 * @param current θt, of the same shapes.
 * @returns one value a layer, 0 or more; null where a layer has no weights, or only zeros, or not finite ones.
 * @throws InvarianceError `bad_option` where the two differ in layers, tensors or their sizes.
 * @example
 * import {weightDrift} from 'wandb-invariance/metrics';
 *
 * const before = [[Float32Array.of(3, 4)], [Float32Array.of(1)]]; // two layers, of one tensor each
 * const after = [[Float32Array.of(3, 4)], [Float32Array.of(2)]];
 * console.log(weightDrift(before, after)); // [0, 1]
 */
export function weightDrift(
  reference: readonly LayerWeights[],
  current: readonly LayerWeights[],
): (number | null)[] {
  if (reference.length !== current.length) {
    throw new InvarianceError('bad_option', `weights of ${reference.length} and ${current.length} layers`);
  }
  return reference.map((tensors, layer) => {
    const moved = current[layer]!;
    let change = 0;
    let size = 0;
    if (tensors.length !== moved.length) throw unlike(layer);
    tensors.forEach((before, index) => {
      const after = moved[index]!;
      if (before.length !== after.length) throw unlike(layer);
      for (let k = 0; k < before.length; k++) {
        change += (after[k]! - before[k]!) ** 2;
        size += before[k]! ** 2;
      }
    });
    const ratio = Math.sqrt(change / size);
    return Number.isFinite(ratio) ? ratio : null;
  });
}

function unlike(layer: number): InvarianceError {
  return new InvarianceError(
    'bad_option',
    `weights of layer ${layer} differ in number or size between moments`,
  );
}
