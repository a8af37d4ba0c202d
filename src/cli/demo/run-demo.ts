import {join} from 'node:path';
import type {Tf} from '../../engine/index.js';
import {wandbTracker} from '../../tracker/index.js';
import {drawDemoScenes} from './draw-scenes.js';
import {finetune, type Finetuned, type FinetuneProgress} from './finetune.js';
import {drawPicture} from './picture.js';
import {colourTask, shapeTask} from './tasks.js';

export interface DemoResult {
  /** The task that needs the factor pretraining discards, and the one that does not. */
  colour: Finetuned;
  shape: Finetuned;
  /** The comparison, as PNG and as SVG. */
  pictures: {png: string; svg: string};
  seconds: number;
}

export type DemoProgress = (FinetuneProgress & {task: string}) | {phase: 'drawing'};

/** Both finetunes from one pretrained ViT, on the same images with other labels, one after the other. */
export async function runDemo({
  tf,
  pretrained,
  out,
  seed,
  wandb,
  onProgress,
}: {
  tf: Tf;
  /** Hugging Face folder. */
  pretrained: string;
  /** Folder of the runs and the pictures. */
  out: string;
  seed: number;
  /** Both runs go to Weights & Biases as well, in one group, as its environment variables say. */
  wandb: boolean;
  onProgress: (progress: DemoProgress) => void;
}): Promise<DemoResult> {
  const started = performance.now();
  const scenes = drawDemoScenes(seed);
  const watch = (task: typeof colourTask) =>
    finetune({
      tf,
      pretrained,
      task,
      scenes,
      seed,
      runs: out,
      trackers: wandb ? [wandbTracker({group: `demo-seed-${seed}`})] : [],
      onProgress: progress => onProgress({...progress, task: task.name}),
    });
  const colour = await watch(colourTask);
  const shape = await watch(shapeTask);
  onProgress({phase: 'drawing'});
  const pictures = await drawPicture({
    pretrained,
    scenes,
    finetuned: [colour, shape],
    to: join(out, `demo-seed-${seed}`),
  });
  return {colour, shape, pictures, seconds: (performance.now() - started) / 1000};
}
