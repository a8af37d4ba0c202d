// Finetunes a ViT and logs what it forgets into the W&B run that the training has of its own.
//
//   npm install @wandb/sdk && WANDB_API_KEY=… npx tsx examples/own-wandb-run.ts MODEL_FOLDER IMAGE_FOLDER [EPOCHS]
//
// Without a run of your own leave @wandb/sdk out: wandbTracker({project: 'birds'}) opens one by itself.
import {readdir} from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import wandb from '@wandb/sdk';
import {loadVit, monitorInvariance, wandbTracker} from 'wandb-invariance';
import {readImageFolder} from './image-folder.js';

const [modelFolder = 'model', imageFolder = 'images', epochs = '3'] = process.argv.slice(2);
await tf.setBackend('wasm');

const classes = (await readdir(imageFolder)).sort();
const model = await loadVit(tf, modelFolder, {classes});
const size = model.inputs[0]!.shape[1]!;
const {count, pixels, labels} = await readImageFolder(imageFolder, {size, classes});
const x = tf.tensor4d(pixels, [count, size, size, 3]);
const y = tf.oneHot(tf.tensor1d(labels, 'int32'), classes.length);
model.compile({
  optimizer: tf.train.adam(3e-4),
  loss: (truth: tf.Tensor, logits: tf.Tensor) => tf.losses.softmaxCrossEntropy(truth, logits),
});

const run = await wandb.init({project: 'birds'});
const monitor = await monitorInvariance({
  tf,
  model,
  probes: imageFolder,
  every: '1 epoch',
  trackers: [wandbTracker({run})],
});
const ownRows = new tf.CustomCallback({
  onEpochEnd: (epoch, logs) => run.log({epoch, my_loss: logs?.['loss']}),
});
await model.fit(x, y, {epochs: Number(epochs), batchSize: 16, callbacks: [ownRows, monitor.callback()]});
const {folder} = await monitor.finish();
// The run is yours, and so is its end: after the last rows of the monitor.
await run.finish();
console.log(folder);
