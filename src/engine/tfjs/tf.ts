import type * as TensorFlow from '@tensorflow/tfjs';

/**
 * The user's own TensorFlow.js object (tfjs, tfjs-node, tfjs-node-gpu), always passed in: instances made by a second
 * copy of the library fail the first one's `instanceof`.
 */
export type Tf = typeof TensorFlow;

export type {LayersModel, Optimizer, SymbolicTensor, Tensor, Variable} from '@tensorflow/tfjs';

/** TensorFlow.js exports neither by name. */
export type Layer = TensorFlow.layers.Layer;
export type LayerVariable = TensorFlow.layers.Layer['weights'][number];
