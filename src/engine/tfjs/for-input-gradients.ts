import {type PoolAttributes, maxPoolGradient} from './max-pool-gradient.js';
import type {Tensor, Tf} from './tf.js';

type Kernel = Parameters<Tf['registerKernel']>[0];
type KernelFunc = Kernel['kernelFunc'];

/**
 * Runs `body`, which takes gradients of images but of no weight, with the kernels that the wasm backend (4.22) lacks or has
 * wrong; the user's own are back in force when it returns.
 *
 * - The gradient of a convolution's filter has no kernel there, and TensorFlow.js's fused convolution computes it whether it
 *   is asked for or not: it gets zeros, which nobody reads.
 * - The gradient of max pooling is wrong there for windows of even size, and for batches.
 */
export function forInputGradients<T>(tf: Tf, body: () => T): T {
  const backendName = tf.getBackend();
  if (backendName !== 'wasm') return body();
  const zeros: KernelFunc = ({attrs}) => tf.zeros((attrs as unknown as {filterShape: number[]}).filterShape);
  const pooled: KernelFunc = ({inputs, attrs}) =>
    maxPoolGradient(tf, inputs as {dy: Tensor; input: Tensor}, attrs as unknown as PoolAttributes);
  const replaced = [
    replace('Conv2DBackpropFilter', zeros),
    replace('DepthwiseConv2dNativeBackpropFilter', zeros),
    replace('MaxPoolGrad', pooled),
  ];
  try {
    return body();
  } finally {
    for (const restore of replaced) restore();
  }

  function replace(kernelName: string, kernelFunc: KernelFunc): () => void {
    const own = tf.getKernel(kernelName, backendName);
    if (own) tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({kernelName, backendName, kernelFunc});
    return () => {
      tf.unregisterKernel(kernelName, backendName);
      if (own) tf.registerKernel(own);
    };
  }
}
