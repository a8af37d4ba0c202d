// A finetune of a ViT in a process of its own, measured at its start and its end.
// node monitored-finetune.mjs FOLDER SECONDS [wandb]; it takes at least so long, and with "wandb" it is logged where the
// environment says.
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import {loadVit, monitorInvariance, wandbTracker} from 'wandb-invariance';

const [, , folder, seconds, wandb] = process.argv;
await tf.setBackend('cpu');
const model = await loadVit(tf, 'test/fixtures/tfjs-vit', {classes: 2});
model.compile({optimizer: tf.train.sgd(0.01), loss: tf.losses.softmaxCrossEntropy});
const monitor = await monitorInvariance({
  tf,
  model,
  probes: tf.randomUniform([8, 12, 12, 3]),
  inversion: {steps: 2},
  every: '1 epoch',
  dir: join(folder, 'invariance'),
  trackers: wandb ? [wandbTracker({project: 'birds'})] : [],
  console: false,
  strict: true,
});
const labels = tf.oneHot(tf.tensor1d([0, 1, 0, 1], 'int32'), 2);
await model.fit(tf.randomUniform([4, 12, 12, 3]), labels, {
  epochs: 1,
  verbose: 0,
  callbacks: monitor.callback(),
});
await setTimeout(1000 * Number(seconds));
await monitor.finish();
