import type * as TensorFlow from '@tensorflow/tfjs';

/**
 * The user's own TensorFlow.js object (tfjs, tfjs-node, tfjs-node-gpu), always passed in: instances made by a second
 * copy of the library fail the first one's `instanceof`. Of it only what is used here, so that every way to import it
 * fits: CommonJS has no `default` among its names, and tfjs-node has names of its own.
 */
export type Tf = Pick<
  typeof TensorFlow,
  | 'CustomCallback'
  | 'LayersModel'
  | 'Optimizer'
  | 'Tensor'
  | 'add'
  | 'argMax'
  | 'backend_util'
  | 'clipByValue'
  | 'customGrad'
  | 'dispose'
  | 'div'
  | 'erf'
  | 'exp'
  | 'getBackend'
  | 'getKernel'
  | 'grad'
  | 'initializers'
  | 'input'
  | 'io'
  | 'keep'
  | 'layers'
  | 'loadLayersModel'
  | 'losses'
  | 'matMul'
  | 'mean'
  | 'model'
  | 'mul'
  | 'oneHot'
  | 'pad'
  | 'ready'
  | 'registerKernel'
  | 'reshape'
  | 'rsqrt'
  | 'scalar'
  | 'serialization'
  | 'setBackend'
  | 'slice'
  | 'softmax'
  | 'square'
  | 'sub'
  | 'sum'
  | 'tensor'
  | 'tensor1d'
  | 'tensor2d'
  | 'tensor3d'
  | 'tensor4d'
  | 'tidy'
  | 'train'
  | 'transpose'
  | 'unregisterKernel'
  | 'util'
  | 'version_core'
  | 'zeros'
>;
export type {LayersModel, Optimizer, SymbolicTensor, Tensor, Variable} from '@tensorflow/tfjs';

/** TensorFlow.js exports neither by name. */
export type Layer = TensorFlow.layers.Layer;
export type LayerVariable = TensorFlow.layers.Layer['weights'][number];
