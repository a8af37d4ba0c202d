import {depthwiseInputGradient, type DepthwiseAttributes} from './depthwise-gradient.js';
import {nearestGradient, type NearestAttributes} from './nearest-gradient.js';
import {
  averagePoolGradient,
  maxPoolGradient,
  type PoolAttributes,
  type PoolInputs,
} from './pool-gradients.js';
import type {Tensor, Tf} from './tf.js';

type Kernel = Parameters<Tf['registerKernel']>[0];
type KernelFunc = Kernel['kernelFunc'];

/** The backend of TensorFlow's own library, whose gradients are right. */
const NATIVE = 'tensorflow';

/**
 * Runs `body`, which takes gradients of images but of no weight, with the kernels that TensorFlow.js (4.22) lacks or has wrong;
 * the user's own are back in force when it returns.
 *
 * - The gradient of average pooling counts padding among the pixels; that of nearest resizing loses pixels. On all backends
 *   but TensorFlow's own library.
 * - On wasm the gradient of a convolution's filter has no kernel, and TensorFlow.js's fused convolution computes it whether it
 *   is asked for or not: it gets zeros, which nobody reads. That of a depthwise convolution's input has none either.
 * - On wasm the gradient of max pooling is wrong for windows of even size, and for batches.
 */
export function forInputGradients<T>(tf: Tf, body: () => T): T {
  const backendName = tf.getBackend();
  if (backendName === NATIVE) return body();
  const zeros: KernelFunc = ({attrs}) => tf.zeros((attrs as unknown as {filterShape: number[]}).filterShape);
  const everywhere: Record<string, KernelFunc> = {
    AvgPoolGrad: ({inputs, attrs}) =>
      averagePoolGradient(tf, inputs as unknown as PoolInputs, attrs as unknown as PoolAttributes),
    ResizeNearestNeighborGrad: ({inputs, attrs}) =>
      nearestGradient(tf, inputs as {dy: Tensor; images: Tensor}, attrs as unknown as NearestAttributes),
  };
  const onWasm: Record<string, KernelFunc> = {
    Conv2DBackpropFilter: zeros,
    DepthwiseConv2dNativeBackpropFilter: zeros,
    DepthwiseConv2dNativeBackpropInput: ({inputs, attrs}) =>
      depthwiseInputGradient(
        tf,
        inputs as {dy: Tensor; filter: Tensor},
        attrs as unknown as DepthwiseAttributes,
      ),
    MaxPoolGrad: ({inputs, attrs}) =>
      maxPoolGradient(tf, inputs as unknown as PoolInputs, attrs as unknown as PoolAttributes),
  };
  const replaced = Object.entries({...everywhere, ...(backendName === 'wasm' && onWasm)}).map(
    ([kernelName, kernelFunc]) => replace(kernelName, kernelFunc),
  );
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
