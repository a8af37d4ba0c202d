import {InvarianceError} from '../errors.js';
import type {Features, Images, LayerName} from '../types.js';
import type {Engine} from './contract.js';

/** What every engine refuses in the same words. */

/** @throws InvarianceError `bad_option` for images of another size than the model takes */
export function checkImages(images: Images, {channels, height, width}: Engine['input']): void {
  if (images.channels === channels && images.height === height && images.width === width) return;
  throw new InvarianceError(
    'bad_option',
    `images are ${images.channels} × ${images.height} × ${images.width}; ` +
      `this model takes ${channels} × ${height} × ${width}`,
  );
}

/** @throws InvarianceError `bad_option` for a layer that the engine does not measure */
export function checkLayer(layer: LayerName, layers: readonly LayerName[]): void {
  if (layers.includes(layer)) return;
  throw new InvarianceError('bad_option', `unknown layer ${layer}; the layers are ${layers.join(', ')}`);
}

/** @throws InvarianceError `bad_option` for targets that are not rows of this layer, one an image */
export function checkTargets(
  targets: Features,
  layer: LayerName,
  {count, width}: Omit<Features, 'data'>,
): void {
  if (targets.count === count && targets.width === width) return;
  throw new InvarianceError(
    'bad_option',
    `targets are ${targets.count} × ${targets.width}; ${layer} of these images is ${count} × ${width}`,
  );
}

/** @throws InvarianceError `engine_failed` for a loss that is not finite */
export function checkLoss(loss: Float32Array, layer: LayerName): void {
  const at = loss.findIndex(value => !Number.isFinite(value));
  if (at < 0) return;
  throw new InvarianceError(
    'engine_failed',
    `the loss of image ${at} at ${layer} is ${loss[at]}: its target is zero or not finite`,
  );
}
