export type {Labels, LabelSource} from './labels.js';
export {loadProbes, loadSeeds, MIN_PROBES, type ProbeSource} from './load-probes.js';
export {type MonitorProbes, type TensorBatch, type TensorDataset, withoutTensors} from './tensor-probes.js';
