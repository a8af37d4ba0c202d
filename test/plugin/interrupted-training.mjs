// A finetune in a process of its own that goes on until a signal ends it.
// node interrupted-training.mjs FOLDER [own]; with "own" it listens to SIGTERM itself, and finishes.
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import {monitorInvariance} from 'wandb-invariance';

const [, , folder, own] = process.argv;
await tf.setBackend('cpu');
const model = tf.sequential({
  layers: [
    tf.layers.flatten({inputShape: [4, 4, 1]}),
    tf.layers.dense({name: 'one', units: 8, activation: 'tanh'}),
    tf.layers.dense({name: 'two', units: 2}),
  ],
});
const monitor = await monitorInvariance({
  tf,
  model,
  probes: tf.randomUniform([8, 4, 4, 1]),
  layers: ['one'],
  inversion: {steps: 2},
  every: [1],
  dir: folder,
  console: false,
});
let stop = false;
if (own) process.on('SIGTERM', () => (stop = true));
console.log(join(monitor.state.folder));
while (!stop) {
  await monitor.step();
  await setTimeout(5);
}
await monitor.finish();
