import type {Engine, Weights} from '../engine/index.js';
import {controls, flow, retentionMatrix, retentionRow} from '../metrics/index.js';
import type {Baseline, Cost, Estimates, Fingerprint, Gate, Gram, Images} from '../types.js';
import type {Inversions} from './inversions.js';
import type {OnProgress} from './progress.js';
import {withWeights} from './with-weights.js';

/**
 * What is measured once a run: W0, the floor N, the controls, the gates and the flow at t = 0.
 * Cost: 2(L + 1) + 1 forward passes of the probes, beside the inversions.
 *
 * @param options.reference the pretrained weights.
 * @param options.floor weights of a network that was never trained.
 */
export async function measureBaseline({
  engine,
  reference,
  floor,
  probes,
  seeds,
  inversions,
  fingerprint,
  onProgress,
}: {
  engine: Engine;
  reference: Weights;
  floor: Weights;
  probes: Images;
  seeds: Images;
  inversions: Inversions;
  fingerprint: Fingerprint;
  onProgress: OnProgress;
}): Promise<Omit<Baseline, 'cost'>> {
  const {layers} = engine;

  /** R of the weights in force. */
  async function retention(done: number): Promise<{retention: Estimates; own: Gram[]}> {
    const own = await engine.grams(probes);
    const rows = [];
    for (const [row, layer] of layers.entries()) {
      const {images, gate} = await inversions.of(layer);
      const inverted = await engine.grams(images);
      rows.push(retentionRow({probes: own, inverted}));
      gates[row] = gate;
      diagonal[row] = inverted[row]!;
      onProgress({
        phase: 'baseline',
        layer,
        done: done + row + 1,
        total: 2 * layers.length,
        secondsLeft: null,
      });
    }
    return {retention: retentionMatrix(rows), own};
  }

  const gates: Gate[] = [];
  const diagonal: Gram[] = [];
  const {retention: chance} = await withWeights(engine, floor, () => retention(0));
  const {
    retention: ceiling,
    own,
    noise,
  } = await withWeights(engine, reference, async () => ({
    ...(await retention(layers.length)),
    noise: await engine.grams(seeds),
  }));
  return {
    fingerprint,
    layers,
    blocks: engine.blocks,
    ceiling,
    floor: chance,
    controls: controls({probes: own, inverted: diagonal, seeds: noise}),
    flow: flow({retention: ceiling, floor: chance, blocks: blockPlaces(engine), gates}).centre,
    gates,
  };
}

/** Places of the residual-stream blocks among the measured layers. */
export function blockPlaces({layers, blocks}: Pick<Engine, 'layers' | 'blocks'>): number[] {
  return blocks.map(block => layers.indexOf(block));
}

/** A cached baseline cost nothing this time. */
export const NO_COST: Cost = {seconds: 0, forwards: 0, gradients: 0};
