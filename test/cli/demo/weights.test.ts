import {expect, it} from 'vitest';
import {join} from 'node:path';
import {demoFolder} from '../../../src/cli/demo/demo-folder.js';
import {loadTf} from '../../../src/cli/demo/load-tf.js';
import {drawScene, PRETRAINING_SHAPES, recolour, render, type Scene} from '../../../src/cli/demo/scenes.js';
import {loadVit} from '../../../src/engine/index.js';
import {seededRandom} from '../../../src/random.js';

it("the demo's pretrained ViT names shapes, and names them alike in other colours", async () => {
  const tf = await loadTf();
  const model = await loadVit(tf, join(demoFolder(), 'vit'));
  const namesOf = (scenes: readonly Scene[]) =>
    tf.tidy(() => {
      const {count, channels, height, width, data} = render(scenes);
      const images = tf.transpose(tf.tensor4d(data, [count, channels, height, width]), [0, 2, 3, 1]);
      const named = tf.argMax(model.predict(images, {batchSize: 32}) as typeof images, 1).dataSync();
      return Array.from(named, index => PRETRAINING_SHAPES[index]);
    });

  const random = seededRandom(9);
  const scenes = Array.from({length: 256}, () => drawScene(random, PRETRAINING_SHAPES));
  const [named, again] = [namesOf(scenes), namesOf(recolour(random, scenes))];
  const share = (holds: (n: number) => boolean) => scenes.filter((_, n) => holds(n)).length / scenes.length;
  expect(share(n => named[n] === scenes[n]!.shape)).toBeGreaterThan(0.95);
  expect(share(n => again[n] === named[n])).toBeGreaterThan(0.95);
});
