import type {Engine, Weights} from '../engine/index.js';

/** Runs `work` with other weights in force and puts back what was there, whatever happens: the model may be live. */
export async function withWeights<T>(engine: Engine, weights: Weights, work: () => Promise<T>): Promise<T> {
  const before = engine.weights();
  try {
    engine.setWeights(weights);
    return await work();
  } finally {
    engine.setWeights(before);
  }
}
