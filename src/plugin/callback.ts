import type {LayersModel} from '@tensorflow/tfjs';
import type {Tf} from '../engine/index.js';
import type {Logs} from './logged-values.js';

/** What `model.fit` and `model.fitDataset` take among their `callbacks`. */
export type TrainingCallback = InstanceType<Tf['CustomCallback']>;

/** What model.fit says about its data before it starts. */
export interface FitParams {
  /** Batches an epoch. */
  steps?: number | null;
  samples?: number | null;
  batchSize?: number | null;
}

/** The fit that begins: its model, and batches an epoch where they are known. */
export interface FitBegin {
  model: LayersModel | null;
  stepsPerEpoch: number | null;
}

/** What a monitor does at each point of somebody else's training loop. */
export interface LoopHooks {
  fitBegin: (fit: FitBegin) => void | Promise<void>;
  step: (logs?: Logs) => Promise<void>;
  epochEnd: (logs?: Logs) => Promise<void>;
}

/**
 * A callback for `model.fit` and `model.fitDataset`, made with the user's own TensorFlow.js: an instance from another
 * copy would fail its `instanceof`.
 *
 * The handlers are properties of the instance and need no `this`, so they also work where TensorFlow.js takes the
 * callback for a plain object of handlers and wraps it, as it does when the first callback of a list is one. Losses
 * come in as scalars on the device and are read only where they are used.
 */
export function createCallback(tf: Tf, {fitBegin, step, epochEnd}: LoopHooks): TrainingCallback {
  const callback = new tf.CustomCallback({});
  let model: LayersModel | null = null;
  let stepsPerEpoch: number | null = null;
  return Object.assign(callback, {
    setParams({steps, samples, batchSize}: FitParams) {
      stepsPerEpoch = steps ?? (samples && batchSize ? Math.ceil(samples / batchSize) : null);
    },
    setModel(fitted: unknown) {
      model = fitted as LayersModel;
    },
    async onTrainBegin() {
      await fitBegin({model, stepsPerEpoch});
    },
    onBatchEnd: (_batch: number, logs?: Logs) => step(logs),
    onEpochEnd: (_epoch: number, logs?: Logs) => epochEnd(logs),
    // The class's own methods recurse without end when TensorFlow.js takes them for plain handlers of another instance.
    onTrainEnd: async () => {},
    onEpochBegin: async () => {},
    onBatchBegin: async () => {},
  });
}
