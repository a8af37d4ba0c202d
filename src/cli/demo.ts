import {join} from 'node:path';
import {Command} from 'commander';
import {demoFolder} from './demo/demo-folder.js';
import {loadTf} from './demo/load-tf.js';
import {progressText} from './demo/progress-text.js';
import type {DemoResult} from './demo/run-demo.js';
import {summaryOf, type Watched} from './demo/summary.js';
import type {Finetuned} from './demo/finetune.js';
import {runsFolder} from '../runs-folder.js';
import {liveLine} from '../terminal/index.js';
import {wholeNumber} from './whole-number.js';

interface DemoOptions {
  out: string;
  seed: number;
  wandb?: boolean;
  json?: boolean;
}

/** `demo`: one pretrained ViT, two finetunes, and which of them forgets what pretraining taught. */
export function demoCommand(): Command {
  return new Command('demo')
    .description(
      'finetune a small ViT on two tasks and see which one forgets its invariances: about a minute',
    )
    .option('--out <dir>', 'the runs and the picture go in here', runsFolder())
    .option('--seed <n>', 'of the scenes and the new heads', wholeNumber(0), 0)
    .option('--wandb', 'log both runs to Weights & Biases as well')
    .option('--json', 'print JSON instead of text')
    .action(demo);
}

async function demo({out, seed, wandb = false, json}: DemoOptions): Promise<void> {
  const {runDemo} = await import('./demo/run-demo.js');
  const {draw, clear} = liveLine(process.stderr);
  let result: DemoResult;
  try {
    result = await runDemo({
      tf: await loadTf(),
      pretrained: join(demoFolder(), 'vit'),
      out,
      seed,
      wandb,
      onProgress: progress => draw(progressText(progress)),
    });
  } finally {
    clear();
  }
  process.stdout.write(json ? `${JSON.stringify(jsonOf(result), null, 2)}\n` : textOf(result));
}

function textOf({colour, shape, pictures, seconds}: DemoResult): string {
  return `
A small ViT was pretrained to name shapes whatever their colour. It was finetuned twice on the same
images of new shapes; only the labels differ. Which layers still hold what pretraining taught?

${summaryOf(watchedOf(colour), watchedOf(shape))}

picture   ${pictures.png}
          ${pictures.svg}
reports   ${join(colour.run.folder, 'report.html')}
          ${join(shape.run.folder, 'report.html')}
${Math.round(seconds)} s
`;
}

function jsonOf({colour, shape, pictures, seconds}: DemoResult): object {
  const finetunes = [colour, shape].map(finetuned => {
    const {task, accuracy, readings, factor} = watchedOf(finetuned);
    return {
      task,
      folder: finetuned.run.folder,
      fingerprint: finetuned.run.info.fingerprint.id,
      layers: finetuned.run.info.layers,
      accuracy,
      readings: readings.map(({step, scores, weightDrift, factors}) => ({
        step,
        scores,
        weightDrift,
        factors,
      })),
      factor,
    };
  });
  return {finetunes, pictures, seconds};
}

function watchedOf({task, accuracy, run, factor}: Finetuned): Watched {
  return {task: task.name, accuracy, readings: run.readings, factor};
}
