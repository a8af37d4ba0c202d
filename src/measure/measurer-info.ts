import {fingerprintOf} from '../inversion/index.js';
import type {MeasurerInfo} from './child/messages.js';
import type {MeasurerOptions} from './measurer.js';

/**
 * What is known of a measurement before anything is measured.
 * @param source where the probes came from, in words.
 */
export function measurerInfo(
  {
    engine,
    reference,
    probes,
    seeds,
    floor,
    inversion,
  }: Required<Pick<MeasurerOptions, 'engine' | 'reference' | 'probes' | 'seeds' | 'floor' | 'inversion'>>,
  source: string,
): MeasurerInfo {
  return {
    engine: engine.description,
    layers: engine.layers,
    blocks: engine.blocks,
    pooling: engine.pooling,
    probes: {count: probes.count, source},
    fingerprint: fingerprintOf({engine, weights: reference, probes, seeds, options: inversion, floor}),
  };
}
