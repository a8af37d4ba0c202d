// A finetune in a process of its own: 6 epochs of 10 steps, its data in one fixed order, resumed where it stopped.
// node resumable-training.mjs FOLDER; prints the run's folder, then each step when it is done.
import {join} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import {loadVit, monitorInvariance, saveVit} from 'wandb-invariance';

const [, , folder] = process.argv;
await tf.setBackend('wasm');

const pixels = (count, shift) =>
  Float32Array.from(
    {length: count * 12 * 12 * 3},
    (_, i) => ((Math.sin(i * 12.9898 + shift) * 43758.5453) % 0.5) + 0.5,
  );
const batch = step => ({
  x: tf.tensor4d(pixels(4, step), [4, 12, 12, 3]),
  y: tf.oneHot(tf.tensor1d([0, 1, 2, step % 3], 'int32'), 3),
});

const model = await loadVit(tf, 'test/fixtures/tfjs-vit', {classes: 3});
const optimizer = tf.train.adam(0.01);
const monitor = await monitorInvariance({
  tf,
  model,
  optimizer,
  probes: tf.tensor4d(pixels(8, 0.5), [8, 12, 12, 3]),
  inversion: {steps: 4},
  every: '5 steps',
  budget: Infinity,
  dir: join(folder, 'invariance'),
  checkpoints: {dir: join(folder, 'checkpoints'), every: '7 steps', keep: 2, monitor: 'loss', mode: 'min'},
  resume: 'auto',
  stepsPerEpoch: 10,
  console: false,
  strict: true,
});
console.log(monitor.state.folder);
for (let {epoch, batch: first} = monitor.state; epoch < 6; epoch++, first = 0) {
  for (let at = first; at < 10; at++) {
    const {x, y} = batch(epoch * 10 + at);
    const loss = optimizer.minimize(
      () => tf.losses.softmaxCrossEntropy(y, model.apply(x, {training: true})),
      true,
    );
    await monitor.step({loss});
    tf.dispose([x, y, loss]);
    console.log(`step ${monitor.state.step}`);
  }
  optimizer.learningRate *= 0.8;
  await monitor.epochEnd();
}
await monitor.finish();
await saveVit(model, join(folder, 'final'));
