import {InvarianceError} from '../../errors.js';
import {type ModelFolderContents, writeModelFolder} from '../../models/index.js';
import type {LayersModel} from './tf.js';
import {vitConfigOf} from './vit-info.js';
import {snapshotVit} from './vit-variables.js';
import {onDisk} from './vit-weights.js';

/**
 * Writes a `loadVit` model as a Hugging Face folder that transformers loads, whole or not at all. The weights are those
 * of the moment of the call: training may go on before the promise resolves.
 *
 * @param files further files of the folder: text, bytes, or tensors (an optimizer's, say).
 * @throws InvarianceError `bad_model` for a model that is not from `loadVit`, `io_failed` where it cannot be written.
 */
export async function saveVit(
  model: LayersModel,
  folder: string,
  {files}: Pick<ModelFolderContents, 'files'> = {},
): Promise<void> {
  const info = vitConfigOf(model);
  if (!info) {
    throw new InvarianceError(
      'bad_model',
      `model ${model.name} is not from loadVit, so it has no Hugging Face form; use saveTfjsModel`,
    );
  }
  const tensors = new Map(
    snapshotVit(model, info).map(weight => {
      const {name, shape} = onDisk(weight);
      return [name, {shape, data: weight.data}];
    }),
  );
  await writeModelFolder(folder, {config: info.config, preprocessor: info.preprocessor, tensors, files});
}
