import type {Engine} from '../engine/index.js';
import type {Cost} from '../types.js';
import {cpuMilliseconds} from './reading-cost.js';

/** What an engine has cost since the meter was made. */
export interface CostCounter {
  /** The engine, counted. */
  readonly engine: Engine;
  /** Runs `work` and says what it cost. Not for works that overlap. */
  cost: <T>(work: () => Promise<T>) => Promise<{result: T; cost: Cost}>;
}

/** @param now milliseconds of a clock that never goes back. */
export function countCost(engine: Engine, now: () => number): CostCounter {
  let forwards = 0;
  let gradients = 0;
  return {
    engine: {
      description: engine.description,
      definition: engine.definition,
      layers: engine.layers,
      blocks: engine.blocks,
      pooling: engine.pooling,
      input: engine.input,
      weights: () => engine.weights(),
      setWeights: weights => engine.setWeights(weights),
      randomWeights: seed => engine.randomWeights(seed),
      dispose: () => engine.dispose(),
      features(images, layer) {
        forwards += images.count;
        return engine.features(images, layer);
      },
      grams(images, onFeatures) {
        forwards += images.count;
        return engine.grams(images, onFeatures);
      },
      lossAndGradient(images, layer, targets) {
        gradients += images.count;
        return engine.lossAndGradient(images, layer, targets);
      },
    },
    async cost(work) {
      const start = {time: now(), cpu: cpuMilliseconds(), forwards, gradients};
      const result = await work();
      return {
        result,
        cost: {
          seconds: (now() - start.time) / 1000,
          cpuSeconds: (cpuMilliseconds() - start.cpu) / 1000,
          forwards: forwards - start.forwards,
          gradients: gradients - start.gradients,
        },
      };
    },
  };
}
