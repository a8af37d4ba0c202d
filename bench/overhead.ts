/**
 * What the callback costs a training at default settings: a ViT is finetuned on CIFAR-10 with and without it, in turns
 * and in one process, on TensorFlow.js's wasm backend.
 *
 *     npm run build && node --import tsx bench/overhead.ts PRETRAINED CIFAR10 [ROUNDS]
 *
 * First a block of epochs alone and one while the child inverts the pretrained model (an empty cache), then ROUNDS
 * pairs of blocks, one without the callback and one with it. Blocks are short: what other programs do to the machine falls on both.
 */
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import {readImageFolder} from '../examples/image-folder.js';
import {loadVit, monitorInvariance, readRun, type Monitor} from '../src/index.js';

const [pretrained = 'pretrained', cifar = 'cifar10', rounds = '3'] = process.argv.slice(2);
const classes = ['frog', 'horse', 'ship', 'truck'];
const [size, batchSize, stepsPerEpoch, epochs] = [32, 16, 10, 2];
const steps = stepsPerEpoch * epochs;

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

const folder = await mkdtemp(join(tmpdir(), 'bench-overhead-'));
process.env.XDG_CACHE_HOME = join(folder, 'cache');
await tf.setBackend('wasm');

const perClass = (stepsPerEpoch * batchSize) / classes.length;
const {count, pixels, labels} = await readImageFolder(join(cifar, 'train'), {size, classes, perClass});
const x = tf.tensor4d(pixels, [count, size, size, 3]);
const y = tf.oneHot(tf.tensor1d(labels, 'int32'), classes.length);
const model = await loadVit(tf, pretrained, {classes});
model.compile({
  optimizer: tf.train.adam(1e-4),
  loss: (truth: tf.Tensor, logits: tf.Tensor) => tf.losses.softmaxCrossEntropy(truth, logits),
});

/** Milliseconds a step of one block. */
async function block(monitor?: Monitor): Promise<number> {
  const start = performance.now();
  await model.fit(x, y, {epochs, batchSize, verbose: 0, callbacks: monitor?.callback()});
  return (performance.now() - start) / steps;
}
const drained = async (monitor: Monitor): Promise<void> => {
  while (monitor.state.waiting > 0) await setTimeout(50);
};

await block();
const alone = await block();
const monitor = await monitorInvariance({
  tf,
  model,
  probes: join(cifar, 'test'),
  checkpoints: {dir: join(folder, 'checkpoints')},
  dir: join(folder, 'invariance'),
  console: false,
});
const inverting = await block(monitor);
await drained(monitor);

const ratios: number[] = [];
for (let round = 0; round < Number(rounds); round++) {
  const without = await block();
  const withCallback = await block(monitor);
  await drained(monitor);
  ratios.push(withCallback / without);
  console.log(`${without.toFixed(0)} ms a step without, ${withCallback.toFixed(0)} ms with the callback`);
}
const {cost, readings, notices, folder: run} = await monitor.finish();
const {baseline, readings: taken} = await readRun(run);
console.log(
  `beside a cached baseline: ${percent(median(ratios) - 1)} of training time (median of ${rounds})`,
);
console.log(
  `while the child inverts: ${percent(inverting / alone - 1)} (one block, beside the one before it)`,
);
console.log(`by the monitor's own account: blocked ${percent(cost.blocked)}, child ${percent(cost.child)}`);
console.log(
  `${readings} readings, ${median(taken.map(reading => reading.cost.seconds)).toFixed(1)} s each in the child`,
);
console.log(`baseline ${baseline?.cost.seconds.toFixed(0)} s; notices ${JSON.stringify(notices)}`);
console.log(`peak memory of the training process ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`);
await rm(folder, {recursive: true});
