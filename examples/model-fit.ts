// Finetunes a ViT on a folder of images with model.fit, and watches what it forgets.
//
//   npx tsx examples/model-fit.ts MODEL_FOLDER IMAGE_FOLDER [EPOCHS]
//
// MODEL_FOLDER is a Hugging Face folder, IMAGE_FOLDER holds one folder of images for each class.
import {readdir} from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs'; // or @tensorflow/tfjs-node, @tensorflow/tfjs-node-gpu: whatever you train with
import '@tensorflow/tfjs-backend-wasm';
import {loadVit, monitorInvariance} from 'wandb-invariance';
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
  metrics: ['accuracy'],
});

const monitor = await monitorInvariance({
  tf,
  model,
  probes: imageFolder,
  every: '1 epoch',
  checkpoints: {dir: 'checkpoints', keep: 2, monitor: 'val_acc'},
});
await model.fit(x, y, {
  epochs: Number(epochs),
  batchSize: 16,
  validationSplit: 0.2,
  callbacks: monitor.callback(),
});
const {folder} = await monitor.finish();
console.log(folder);
