/**
 * Endless pairs of pretraining scenes on stdout, for scripts/pretrain-demo.py. Each record is a scene, the same
 * scene in other colours (both 3 × 32 × 32 float32, NCHW, little-endian) and the index of its shape (float32).
 *
 *     node --import tsx scripts/pretrain-demo-scenes.ts SEED
 */
import {once} from 'node:events';
import {drawScene, PRETRAINING_SHAPES, recolour, render} from '../src/cli/demo/scenes.js';
import {seededRandom} from '../src/random.js';

const SCENES_A_WRITE = 64;

const random = seededRandom(Number(process.argv[2]));
process.stdout.on('error', () => process.exit(0)); // the reader has what it needs

for (;;) {
  const scenes = Array.from({length: SCENES_A_WRITE}, () => drawScene(random, PRETRAINING_SHAPES));
  const plain = render(scenes).data;
  const recoloured = render(recolour(random, scenes)).data;
  const pixels = plain.length / SCENES_A_WRITE;
  const records = new Float32Array(SCENES_A_WRITE * (2 * pixels + 1));
  scenes.forEach((scene, n) => {
    const start = n * (2 * pixels + 1);
    records.set(plain.subarray(n * pixels, (n + 1) * pixels), start);
    records.set(recoloured.subarray(n * pixels, (n + 1) * pixels), start + pixels);
    records[start + 2 * pixels] = (PRETRAINING_SHAPES as readonly string[]).indexOf(scene.shape);
  });
  if (!process.stdout.write(new Uint8Array(records.buffer))) await once(process.stdout, 'drain');
}
