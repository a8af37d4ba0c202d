import type {Engine} from '../../engine/index.js';
import {similarityRow} from '../../metrics/index.js';
import type {Images} from '../../types.js';

/** How far each layer takes two palettes of one scene for the same, at one step. */
export interface FactorReading {
  step: number;
  /** Unbiased c(ft_j(X), ft_j(X recoloured)), one a layer: 1 = blind to colour, 0 = sees nothing else. */
  similarity: (number | null)[];
}

/**
 * The ground truth that only generated images have: the invariance measured on the factor itself, with no inversion.
 * Retention, which knows nothing of palettes, must agree with it.
 */
export async function readFactor({
  engine,
  scenes,
  recoloured,
  step,
}: {
  engine: Engine;
  scenes: Images;
  recoloured: Images;
  step: number;
}): Promise<FactorReading> {
  const [plain, changed] = [await engine.grams(scenes), await engine.grams(recoloured)];
  return {step, similarity: similarityRow(plain, changed).unbiased};
}
