import {COLOURS, FINETUNING_SHAPES, type Scene} from './scenes.js';

/** What a finetune learns to tell from a scene. */
export interface Task {
  name: string;
  classes: readonly string[];
  labelOf(scene: Scene): number;
}

/** Needs the factor that pretraining discarded. */
export const colourTask: Task = {
  name: 'colour',
  classes: COLOURS,
  labelOf: scene => scene.palette.colour,
};

/** Does without it. The same images, and as many classes: only the labels differ. */
export const shapeTask: Task = {
  name: 'shape',
  classes: FINETUNING_SHAPES,
  labelOf: scene => (FINETUNING_SHAPES as readonly string[]).indexOf(scene.shape),
};

/** What a run is called on pictures and in tables. */
export function titleOf({name}: Pick<Task, 'name'>): string {
  return `finetuned to tell ${name}s apart`;
}
