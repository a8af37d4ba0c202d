// Finetunes a ViT in a loop of one's own; a run that was killed goes on with the very next batch.
//
//   npx tsx examples/custom-loop.ts MODEL_FOLDER IMAGE_FOLDER [EPOCHS]
import {readdir} from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import {loadVit, monitorInvariance} from 'wandb-invariance';
import {readImageFolder} from './image-folder.js';

const [modelFolder = 'model', imageFolder = 'images', epochs = '3'] = process.argv.slice(2);
const batchSize = 16;
await tf.setBackend('wasm');

const classes = (await readdir(imageFolder)).sort();
const model = await loadVit(tf, modelFolder, {classes});
const size = model.inputs[0]!.shape[1]!;
const {count, pixels, labels} = await readImageFolder(imageFolder, {size, classes});
const x = tf.tensor4d(pixels, [count, size, size, 3]);
const y = tf.oneHot(tf.tensor1d(labels, 'int32'), classes.length);
const optimizer = tf.train.adam(3e-4);
const batches = Math.ceil(count / batchSize);

const monitor = await monitorInvariance({
  tf,
  model,
  optimizer,
  probes: imageFolder,
  every: 'log',
  checkpoints: {dir: 'checkpoints', every: '100 steps', monitor: 'invariance/retention'},
  resume: 'auto',
  stepsPerEpoch: batches,
});
for (let {epoch, batch: first} = monitor.state; epoch < Number(epochs); epoch++, first = 0) {
  for (let batch = first; batch < batches; batch++) {
    const from = batch * batchSize;
    const length = Math.min(batchSize, count - from);
    const loss = optimizer.minimize(
      () =>
        tf.losses
          .softmaxCrossEntropy(
            y.slice(from, length),
            model.apply(x.slice(from, length), {training: true}) as tf.Tensor,
          )
          .asScalar(),
      true,
    )!;
    await monitor.step({loss});
    loss.dispose();
  }
  await monitor.epochEnd();
}
const {folder} = await monitor.finish();
console.log(folder);
