export {openModelFolder, type HfConfig, type ModelFolder} from './open-model-folder.js';
export {openSafetensors, type SafetensorsFile} from './open-safetensors.js';
export {type Preprocessor, type Resampling, type Size} from './preprocessor.js';
export {replaceFile} from './replace-file.js';
export {type Dtype, type Tensor, type TensorInfo, type TensorSource} from './tensor.js';
export {writeModelFolder, type ModelFolderContents} from './write-model-folder.js';
export {writeSafetensors, type WritableTensor} from './write-safetensors.js';
