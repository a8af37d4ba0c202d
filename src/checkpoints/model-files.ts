import type {LayersModel} from '@tensorflow/tfjs';
import {loadTfjsModel, loadVit, saveTfjsModel, saveVit, vitConfigOf, type Tf} from '../engine/index.js';
import {type FolderContents} from '../models/index.js';
import {InvarianceError} from '../errors.js';

/** How a model goes to disk and comes back: a Hugging Face folder for a ViT of `loadVit`, TensorFlow.js's own otherwise. */
export interface ModelFiles {
  readonly format: 'huggingface' | 'tfjs';
  /** Writes the model, and further files with it, whole or not at all. */
  save(folder: string, files?: FolderContents): Promise<void>;
  /** Puts the weights of a folder into the model as it stands. */
  restore(folder: string): Promise<void>;
}

export function modelFiles({tf, model}: {tf: Tf; model: LayersModel}): ModelFiles {
  const isVit = vitConfigOf(model) !== undefined;
  return {
    format: isVit ? 'huggingface' : 'tfjs',
    save: (folder, files) =>
      isVit ? saveVit(model, folder, {files}) : saveTfjsModel({tf, model, folder, files}),
    async restore(folder) {
      const saved = isVit ? await loadVit(tf, folder) : await loadTfjsModel({tf, folder});
      try {
        const shapes = (of: LayersModel): string =>
          of
            .getWeights()
            .map(({shape}) => `[${shape.join()}]`)
            .join(' ');
        if (shapes(saved) !== shapes(model)) {
          throw new InvarianceError(
            'bad_weights',
            `${folder} holds another model: weights ${shapes(saved)} where this one has ${shapes(model)}`,
          );
        }
        model.setWeights(saved.getWeights());
      } finally {
        saved.dispose();
      }
    },
  };
}
