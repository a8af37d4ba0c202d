import type * as TensorFlow from '@tensorflow/tfjs';

/**
 * The user's own TensorFlow.js object (tfjs, tfjs-node, tfjs-node-gpu), always passed in: instances made by a second
 * copy of the library fail the first one's `instanceof`.
 */
export type Tf = typeof TensorFlow;

export type {
  LayersModel,
  NamedTensorMap,
  Optimizer,
  Rank,
  Scalar,
  SymbolicTensor,
  Tensor,
  Tensor1D,
  Tensor2D,
  Tensor3D,
  Tensor4D,
  Variable,
} from '@tensorflow/tfjs';
