import type {HfConfig} from './open-model-folder.js';
import {preprocessorJson, type Preprocessor} from './preprocessor.js';
import {writeFolder, type FolderContents} from './write-folder.js';
import type {WritableTensor} from '../safetensors/write-safetensors.js';

export interface ModelFolderContents {
  readonly config: HfConfig;
  readonly preprocessor: Preprocessor;
  readonly tensors: ReadonlyMap<string, WritableTensor>;
  /** Further files: an optimiser's tensors, say. */
  readonly files?: FolderContents;
}

/**
 * Writes a model folder that transformers loads, whole or not at all, as `writeFolder` does.
 * @throws InvarianceError `io_failed`: full disk, no permission, …; nothing is left behind and the old folder stays
 */
export async function writeModelFolder(folder: string, contents: ModelFolderContents): Promise<void> {
  const {config, preprocessor, tensors, files} = contents;
  await writeFolder(folder, {
    'config.json': JSON.stringify(config, null, 2),
    'preprocessor_config.json': JSON.stringify(preprocessorJson(preprocessor, config), null, 2),
    'model.safetensors': tensors,
    ...files,
  });
}
