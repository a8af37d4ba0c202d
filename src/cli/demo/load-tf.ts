import type {Tf} from '../../engine/index.js';
import {InvarianceError} from '../../errors.js';

/**
 * TensorFlow.js for a run that brings no object of its own: the native library where it is installed, else the wasm
 * backend. Both are optional peers, so they are imported only here.
 * @throws InvarianceError `engine_failed` where neither is installed, with the line that installs the smaller one.
 */
export async function loadTf(): Promise<Tf> {
  try {
    const native: string = '@tensorflow/tfjs-node';
    return (await import(native)) as Tf;
  } catch {
    // Absent, or its library did not download: wasm needs neither.
  }
  try {
    const tf = await import('@tensorflow/tfjs');
    await import('@tensorflow/tfjs-backend-wasm');
    await tf.setBackend('wasm');
    await tf.ready();
    return tf;
  } catch (cause) {
    throw new InvarianceError(
      'engine_failed',
      'the demo trains with TensorFlow.js, which is not installed: npm i @tensorflow/tfjs @tensorflow/tfjs-backend-wasm',
      {cause},
    );
  }
}
