import {seededRandom} from '../../random.js';
import {drawScene, FINETUNING_SHAPES, recolour, type Scene} from './scenes.js';

/** How many scenes of each kind. One finetune sees each training scene once: 120 steps of 32. */
export const SCENES = {training: 3840, heldOut: 512, probes: 64} as const;

/** The scenes of a demo, the same for both finetunes; all of shapes that pretraining never saw. */
export interface DemoScenes {
  training: Scene[];
  /** For the accuracy. */
  heldOut: Scene[];
  /** X. */
  probes: Scene[];
  /** X in other colours. */
  recoloured: Scene[];
}

export function drawDemoScenes(seed: number): DemoScenes {
  const random = seededRandom(seed);
  const draw = (count: number) => Array.from({length: count}, () => drawScene(random, FINETUNING_SHAPES));
  const probes = draw(SCENES.probes);
  return {
    probes,
    recoloured: recolour(random, probes),
    heldOut: draw(SCENES.heldOut),
    training: draw(SCENES.training),
  };
}
