import type {LayersModel} from '@tensorflow/tfjs';
import {loadVit, openTfjsEngine, type Tf} from '../../engine/index.js';
import {InvarianceError} from '../../errors.js';
import {monitorInvariance} from '../../plugin/index.js';
import {readRun, type RecordedRun} from '../../journal/index.js';
import {type Tracker} from '../../tracker/index.js';
import type {Images} from '../../types.js';
import type {DemoScenes} from './draw-scenes.js';
import {type FactorReading, readFactor} from './factor-control.js';
import {render, type Scene} from './scenes.js';
import type {Task} from './tasks.js';

/** Every setting of a finetune. */
export const FINETUNE = {
  /** Scenes a step. */
  batch: 32,
  /** Of Adam. */
  learningRate: 3e-4,
  /** Optimiser steps after which a reading is taken, besides the one before training and the one at the end. */
  readings: [5, 10, 20, 30, 45, 60, 80, 100],
} as const;

/** One finetune and what was measured on it. */
export interface Finetuned {
  task: Task;
  run: RecordedRun;
  factor: FactorReading[];
  /** Share of held-out scenes that the finetuned model names rightly. */
  accuracy: number;
}

/** How far a finetune has come; `measuring` waits for the readings that are not yet taken. */
export type FinetuneProgress =
  {phase: 'training'; step: number; steps: number; loss: number} | {phase: 'measuring'};

/**
 * Finetunes the demo's ViT on one task and watches it as any user would: with the monitor's callback in `model.fit`.
 * One epoch, so every step sees new scenes.
 */
export async function finetune({
  tf,
  pretrained,
  task,
  scenes,
  seed,
  runs,
  trackers,
  onProgress,
}: {
  tf: Tf;
  /** Hugging Face folder. */
  pretrained: string;
  task: Task;
  scenes: DemoScenes;
  /** Of the new head's weights. */
  seed: number;
  /** Folder the run's own is made in. */
  runs: string;
  trackers: readonly Tracker[];
  onProgress: (progress: FinetuneProgress) => void;
}): Promise<Finetuned> {
  const model = await loadVit(tf, pretrained, {classes: task.classes, seed});
  model.compile({
    optimizer: tf.train.adam(FINETUNE.learningRate),
    loss: (labels, logits) => tf.losses.softmaxCrossEntropy(labels, logits),
    metrics: ['accuracy'],
  });
  const probes = render(scenes.probes);
  const monitor = await monitorInvariance({
    tf,
    model,
    probes,
    every: FINETUNE.readings,
    budget: Infinity,
    trackers,
    console: false,
    dir: runs,
    name: `demo: finetuned to tell ${task.name}s apart`,
    config: {task: task.name, seed, batch_size: FINETUNE.batch, learning_rate: FINETUNE.learningRate},
  });
  const engine = await openTfjsEngine({tf, model});
  const recoloured = render(scenes.recoloured);
  const readControl = (step: number) => readFactor({engine, scenes: probes, recoloured, step});

  const factor = [await readControl(0)];
  const steps = Math.ceil(scenes.training.length / FINETUNE.batch);
  const due = new Set<number>([...FINETUNE.readings, steps]);
  const control = new tf.CustomCallback({
    onBatchEnd: async (batch, logs) => {
      const step = batch + 1;
      onProgress({phase: 'training', step, steps, loss: Number(logs?.['loss'])});
      if (due.has(step)) factor.push(await readControl(step));
    },
  });
  const xs = pixelsOf(tf, render(scenes.training));
  const ys = labelsOf(tf, task, scenes.training);
  try {
    await model.fit(xs, ys, {
      batchSize: FINETUNE.batch,
      epochs: 1,
      shuffle: false,
      verbose: 0,
      callbacks: [monitor.callback(), control],
    });
  } catch (error) {
    await monitor.finish('crashed');
    throw error;
  }
  tf.dispose([xs, ys]);

  onProgress({phase: 'measuring'});
  const {folder} = await monitor.finish();
  const run = await readRun(folder);
  if (run.baseline === null || run.readings.length < 2) {
    throw new InvarianceError('engine_failed', `${folder} holds no readings; its journal.jsonl says why`);
  }
  const accuracy = accuracyOf(tf, model, task, scenes.heldOut);
  await engine.dispose();
  model.dispose();
  return {task, run, factor, accuracy};
}

/** (n, H, W, C), as a TensorFlow.js model reads images. */
function pixelsOf(tf: Tf, {count, channels, height, width, data}: Images) {
  return tf.tidy(() => tf.transpose(tf.tensor4d(data, [count, channels, height, width]), [0, 2, 3, 1]));
}

/** (n, classes). */
function labelsOf(tf: Tf, task: Task, scenes: readonly Scene[]) {
  return tf.tidy(() =>
    tf.oneHot(
      tf.tensor1d(
        scenes.map(scene => task.labelOf(scene)),
        'int32',
      ),
      task.classes.length,
    ),
  );
}

function accuracyOf(tf: Tf, model: LayersModel, task: Task, scenes: readonly Scene[]): number {
  const named = tf.tidy(() => {
    const logits = model.predict(pixelsOf(tf, render(scenes)), {batchSize: FINETUNE.batch});
    return tf.argMax(logits as ReturnType<typeof pixelsOf>, 1).dataSync();
  });
  return scenes.filter((scene, n) => task.labelOf(scene) === named[n]).length / scenes.length;
}
