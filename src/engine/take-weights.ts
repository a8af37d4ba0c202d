import {InvarianceError} from '../errors.js';
import {checkFinite, checkShape} from './architectures/check-weights.js';
import type {Weights} from './contract.js';

/**
 * The data of every measured weight of `own`, from other weights of the same architecture; those of no measured layer are
 * left out.
 * @throws InvarianceError `bad_weights` where one is missing, has another shape or is not finite.
 */
export function takeWeights(given: Weights, own: Weights): Map<string, Float32Array> {
  const byName = new Map(given.map(parameter => [parameter.name, parameter]));
  const taken = new Map<string, Float32Array>();
  for (const {name, shape, layer} of own) {
    if (layer === null) continue;
    const other = byName.get(name);
    if (!other) throw new InvarianceError('bad_weights', `tensor ${name} is missing from the weights`);
    checkShape(name, other.shape, shape);
    checkFinite(other);
    taken.set(name, other.data);
  }
  return taken;
}
