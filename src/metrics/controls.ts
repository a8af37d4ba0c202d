import {seededRandom} from '../random.js';
import type {Baseline, Gram} from '../types.js';
import {similarityRow} from './cka.js';
import {selectImages} from './gram.js';

/**
 * Two controls that a measurement should fail, on the pretrained model, unbiased: X' := the seeds, and X' with its rows
 * permuted. Both belong near 0; the third control, a random network in place of the finetuned one, is the floor N.
 *
 * @param options
 * @param options.probes Gram of every layer i on X, (n, n).
 * @param options.inverted Gram of layer i on X'_i.
 * @param options.seeds Gram of every layer i on S.
 * @param options.seed of the permutation. Default 0.
 * @returns one value a layer of each control, null where it is withheld.
 * @throws InvarianceError `bad_option` where the lists differ in length or their Grams in the number of images.
 * @example
 * import {controls, type Gram} from 'wandb-invariance/metrics';
 *
 * declare const probes: Gram[], inverted: Gram[], seeds: Gram[]; // one a layer
 * const {noise, permuted} = controls({probes, inverted, seeds});
 */
export function controls({
  probes,
  inverted,
  seeds,
  seed = 0,
}: {
  probes: readonly Gram[];
  inverted: readonly Gram[];
  seeds: readonly Gram[];
  seed?: number;
}): Baseline['controls'] {
  const order = seededRandom(seed).permutation(inverted[0]?.n ?? 0);
  const permuted = inverted.map(gram => selectImages(gram, order));
  return {
    noise: similarityRow(probes, seeds).unbiased,
    permuted: similarityRow(probes, permuted).unbiased,
  };
}
