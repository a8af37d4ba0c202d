export {adapterBase, modelName} from './adapter-base.js';
export {type CheckpointFormat} from './checkpoint-names.js';
export {type DownloadProgress} from './download-model.js';
export {findCheckpoints, type Checkpoint, type CheckpointMemory, type FindCheckpointsOptions} from './find-checkpoints.js'; // prettier-ignore
export {findTrainings} from './find-trainings.js';
export {fileInside} from './links.js';
export {
  openModelFolder,
  type HfConfig,
  type ModelFolder,
  type OpenModelOptions,
} from './open-model-folder.js';
export {openSafetensors, type SafetensorsFile} from './open-safetensors.js';
export {type Preprocessor, type Resampling, type Size} from './preprocessor.js';
export {replaceFile} from './replace-file.js';
export {resolveModel, type ResolveModelOptions} from './resolve-model.js';
export {type Dtype, type Tensor, type TensorInfo, type TensorSource} from './tensor.js';
export {
  loggedAt,
  readTrainerState,
  TRAINER_STATE,
  type LogEntry,
  type TrainerState,
} from './trainer-state.js';
export {putAll, writeFolder, type FolderContents} from './write-folder.js';
export {writeModelFolder, type ModelFolderContents} from './write-model-folder.js';
export {writeSafetensors, type WritableTensor} from './write-safetensors.js';
