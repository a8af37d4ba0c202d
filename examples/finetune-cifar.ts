// A real finetune: a small ViT, pretrained on six classes of CIFAR-10, learns the other four, and the monitor shows
// which layers keep the invariances of pretraining.
//
//   npx tsx examples/finetune-cifar.ts PRETRAINED_FOLDER CIFAR_FOLDER [--steps 60] [--out FOLDER]
//
// CIFAR_FOLDER holds train/<class>/*.jpg and test/<class>/*.jpg.
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import {loadVit, monitorInvariance, readRun, wandbTracker} from 'wandb-invariance';
import {readImageFolder} from './image-folder.js';

/** Classes the model has not been pretrained on. */
const classes = ['frog', 'horse', 'ship', 'truck'];
const batchSize = 16;
const stepsPerEpoch = 20;
const learningRate = 3e-4;

const {positionals, values} = parseArgs({
  allowPositionals: true,
  options: {steps: {type: 'string', default: '60'}, out: {type: 'string', default: '.'}},
});
const [pretrained = 'pretrained', cifar = 'cifar10'] = positionals;
const steps = Number(values.steps);

await tf.setBackend('wasm');
const model = await loadVit(tf, pretrained, {classes});
model.compile({
  optimizer: tf.train.adam(learningRate),
  loss: (truth: tf.Tensor, logits: tf.Tensor) => tf.losses.softmaxCrossEntropy(truth, logits),
  metrics: ['accuracy'],
});

const size = 32;
const read = async (split: string, perClass: number) => {
  const {count, pixels, labels} = await readImageFolder(join(cifar, split), {size, classes, perClass});
  return {
    x: tf.tensor4d(pixels, [count, size, size, 3]),
    y: tf.oneHot(tf.tensor1d(labels, 'int32'), classes.length),
  };
};
const perClass = Math.ceil((stepsPerEpoch * batchSize) / classes.length);
const [train, test] = [await read('train', perClass), await read('test', 25)];

const monitor = await monitorInvariance({
  tf,
  model,
  // Images of all ten classes: what the pretrained model knew, and what it is taught.
  probes: join(cifar, 'test'),
  // Over all tokens of so small an image even a random network's blocks come too near the pretrained ones' for a score.
  pooling: 'cls',
  every: '20 steps',
  // The run is a minute long: at the default of 5 % there would be hardly a reading.
  budget: 1,
  checkpoints: {dir: join(values.out, 'checkpoints'), every: '1 epoch', keep: 2, monitor: 'val_acc'},
  dir: join(values.out, 'invariance'),
  name: 'cifar-10, four new classes',
  trackers: process.env.WANDB_API_KEY ? [wandbTracker({project: 'wandb-invariance'})] : [],
  config: {learningRate, batchSize, steps},
});
await model.fit(train.x, train.y, {
  epochs: Math.ceil(steps / stepsPerEpoch),
  batchSize,
  validationData: [test.x, test.y],
  verbose: 0,
  callbacks: monitor.callback(),
});
const {folder, best, cost} = await monitor.finish();

const {readings} = await readRun(folder);
const cell = (text: string | number) => String(text).padStart(9);
const last = readings.at(-1)!;
console.log(`run ${folder}; best val_acc ${best?.value.toFixed(3)} at step ${best?.step}`);
console.log(`cost: training stood still ${(100 * cost.blocked).toFixed(2)} % of its time`);
console.log(cell('step') + readings.map(({step}) => cell(step)).join(''));
for (const [i, layer] of last.layers.entries()) {
  const scores = readings.map(({scores}) => {
    const score = scores[i]!;
    return score.status === 'scored' ? score.value.toFixed(3) : 'withheld';
  });
  console.log(cell(layer) + scores.map(cell).join(''));
}
