import {InvarianceError} from '../../errors.js';
import {type FolderContents, writeModelFolder} from '../../models/index.js';
import type {LayersModel} from './tf.js';
import {vitConfigOf} from './vit-info.js';
import {snapshotVit} from './vit-variables.js';
import {onDisk} from './vit-weights.js';

/** What `saveVit` takes beside the folder. */
export interface SaveVitOptions {
  /** Further files of the folder: text, bytes, or tensors (an optimizer's, say). Default: none. */
  files?: FolderContents;
}

/**
 * Writes a `loadVit` model as a Hugging Face folder that transformers loads, whole or not at all. The weights are those
 * of the moment of the call: training may go on before the promise resolves.
 *
 * @param model from `loadVit`.
 * @param folder path of the folder; one that is there is replaced.
 * @param options what else goes into it.
 * @throws InvarianceError `bad_model` for a model that is not from `loadVit`, `io_failed` where it cannot be written.
 * @example
 * import * as tf from '@tensorflow/tfjs';
 * import {loadVit, saveVit} from 'wandb-invariance';
 *
 * const model = await loadVit(tf, 'models/vit-small', {classes: ['sparrow', 'wren']});
 * await saveVit(model, 'models/vit-birds'); // for Python: AutoModelForImageClassification.from_pretrained(…)
 */
export async function saveVit(
  model: LayersModel,
  folder: string,
  {files}: SaveVitOptions = {},
): Promise<void> {
  const info = vitConfigOf(model);
  if (!info) {
    throw new InvarianceError(
      'bad_model',
      `model ${model.name} is not from loadVit, so it has no Hugging Face form; save it with TensorFlow.js's model.save`,
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
