// Finetunes a ViT with model.fitDataset; a run that was killed goes on where it stopped.
//
//   npx tsx examples/fit-dataset.ts MODEL_FOLDER IMAGE_FOLDER [EPOCHS]
import {readdir} from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import {loadVit, monitorInvariance} from 'wandb-invariance';
import {readImageFolder} from './image-folder.js';

const [modelFolder = 'model', imageFolder = 'images', epochs = '3'] = process.argv.slice(2);
await tf.setBackend('wasm');

const classes = (await readdir(imageFolder)).sort();
const model = await loadVit(tf, modelFolder, {classes});
const size = model.inputs[0]!.shape[1]!;
const {count, pixels, labels} = await readImageFolder(imageFolder, {size, classes});
model.compile({
  optimizer: tf.train.adam(3e-4),
  loss: (truth: tf.Tensor, logits: tf.Tensor) => tf.losses.softmaxCrossEntropy(truth, logits),
});

const width = size * size * 3;
const train = tf.data
  .generator(function* () {
    for (let i = 0; i < count; i++) {
      yield {
        xs: tf.tensor3d(pixels.subarray(i * width, (i + 1) * width), [size, size, 3]),
        ys: tf.oneHot(labels[i]!, classes.length),
      };
    }
  })
  .batch(16) as tf.data.Dataset<{xs: tf.Tensor; ys: tf.Tensor}>;

// The checkpoints are at epoch ends, where model.fitDataset can go on.
const monitor = await monitorInvariance({
  tf,
  model,
  probes: imageFolder,
  every: '50 steps',
  checkpoints: {dir: 'checkpoints', every: '1 epoch'},
  resume: 'auto',
});
// A run that was finished before is resumed at its end: nothing is left to train.
await model.fitDataset(train, {
  epochs: Number(epochs),
  initialEpoch: monitor.state.epoch,
  callbacks: monitor.callback(),
});
const {folder} = await monitor.finish();
console.log(folder);
