export {convertPickled} from './folders/convert-pickled.js';
export {ADAPTER_CONFIG, namedAdapters} from './adapters/named-adapters.js';
export {DESCRIPTIONS} from './folders/descriptions.js';
export {adapterBase, modelName} from './adapters/adapter-base.js';
export {type Checkpoint, type CheckpointMemory, findCheckpoints} from './folders/find-checkpoints.js';
export {findTrainings} from './folders/find-trainings.js';
export {fileInside} from './folders/links.js';
export {type HfConfig, type ModelFolder, openModelFolder} from './folders/open-model-folder.js';
export type {Preprocessor, Resampling, Size} from './folders/preprocessor.js';
export {
  type LogEntry,
  loggedAt,
  readTrainerState,
  TRAINER_STATE,
  type TrainerState,
} from './folders/trainer-state.js';
export {type FolderContents, putAll, writeFolder} from './folders/write-folder.js';
export {writeModelFolder} from './folders/write-model-folder.js';
export {resolveModel} from './hub/resolve-model.js';
export {firstNotFinite} from './safetensors/finite.js';
export {openSafetensors} from './safetensors/open-safetensors.js';
export type {Tensor, TensorSource} from './safetensors/tensor.js';
export {type WritableTensor, writeSafetensors} from './safetensors/write-safetensors.js';
