/**
 * Seconds for the L × L matrix of unbiased CKA between two models on the same images: L Grams a side, each centred once,
 * beside the usual pairwise CKA in PyTorch, which makes both Grams anew for each pair. One run, both checked against each
 * other.
 *
 *     node --import tsx bench/matrix.ts [PRETRAINED FINETUNED] [IMAGES]   (WANDB_INVARIANCE_PYTHON names Python)
 */
import {execFileSync} from 'node:child_process';
import {mkdtemp, rm} from 'node:fs/promises';
import {availableParallelism, tmpdir} from 'node:os';
import {join} from 'node:path';
import {openOrtEngine} from '../src/engine/index.js';
import {writeSafetensors} from '../src/models/index.js';
import {similarityMatrix} from '../src/metrics/index.js';
import {seededRandom} from '../src/random.js';
import type {Images, Matrix} from '../src/types.js';
import {python, pythonHas} from '../test/python.js';

const MODEL = '../shared/models/vit-cifar';

interface Timed {
  forward: number;
  matrix: number;
  values: Matrix;
}

const PYTHON = `
import json, sys, time
import torch
from safetensors.torch import load_file
from transformers import ViTModel

folders, file, threads = sys.argv[1:3], sys.argv[3], int(sys.argv[4])
torch.set_num_threads(threads)
pixels = (load_file(file)["images"] - 0.5) / 0.5

def features(folder):
    model = ViTModel.from_pretrained(folder, add_pooling_layer=False).eval()
    with torch.no_grad():
        parts = [model(batch, output_hidden_states=True) for batch in pixels.split(32)]
    blocks = [torch.cat(each).flatten(1) for each in list(zip(*[part.hidden_states for part in parts]))[1:]]
    return blocks + [torch.cat([part.last_hidden_state[:, 0] for part in parts])]

def hsic1(K, L):
    n = K.shape[0]
    K, L = K.clone().fill_diagonal_(0), L.clone().fill_diagonal_(0)
    a, b = K.sum(0), L.sum(0)
    return ((K * L).sum() + a.sum() * b.sum() / ((n - 1) * (n - 2)) - 2 * (a @ b) / (n - 2)) / (n * (n - 3))

def cka(x, y):
    x, y = x.double() - x.double().mean(0), y.double() - y.double().mean(0)
    K, L = x @ x.T, y @ y.T
    return hsic1(K, L) / (hsic1(K, K) * hsic1(L, L)).sqrt()

start = time.perf_counter()
before, after = (features(folder) for folder in folders)
forward = time.perf_counter() - start
start = time.perf_counter()
values = [[cka(x, y).item() for y in after] for x in before]
print(json.dumps({"forward": forward, "matrix": time.perf_counter() - start, "values": values}))
`;

async function ours(folders: readonly string[], images: Images, threads: number): Promise<Timed> {
  const engines = await Promise.all(folders.map(folder => openOrtEngine({folder, threads})));
  const start = performance.now();
  const [before, after] = [await engines[0]!.grams(images), await engines[1]!.grams(images)];
  const middle = performance.now();
  const {unbiased} = similarityMatrix(before, after);
  const end = performance.now();
  await Promise.all(engines.map(engine => engine.dispose()));
  return {forward: (middle - start) / 1000, matrix: (end - middle) / 1000, values: unbiased};
}

async function compare(folders: readonly string[], count: number): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'invariance-bench-'));
  const threads = availableParallelism();
  try {
    const {input} = await openOrtEngine({folder: folders[0]!});
    const random = seededRandom(0);
    const shape = [count, input.channels, input.height, input.width];
    const data = Float32Array.from({length: shape.reduce((a, b) => a * b)}, () => random.uniform());
    const file = join(scratch, 'images.safetensors');
    await writeSafetensors(file, new Map([['images', {shape, data}]]));

    const mine = await ours(folders, {...input, count, data}, threads);
    const layers = mine.values.length;
    console.log(`${layers} × ${layers} layers, ${count} images, ${threads} threads, seconds`);
    console.log(
      `ours             forward and Grams ${mine.forward.toFixed(2)}   matrix ${mine.matrix.toFixed(3)}`,
    );
    if (!pythonHas('torch', 'transformers', 'safetensors'))
      return console.log(`PyTorch's side is skipped: ${python} has no torch and transformers`);
    const text = execFileSync(python, ['-c', PYTHON, ...folders, file, String(threads)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const theirs = JSON.parse(text) as Timed;
    console.log(
      `PyTorch pairwise forward           ${theirs.forward.toFixed(2)}   matrix ${theirs.matrix.toFixed(3)}`,
    );
    const apart = mine.values.flatMap((row, i) =>
      row.map((value, j) => Math.abs(value! - theirs.values[i]![j]!)),
    );
    console.log(`largest difference ${Math.max(...apart).toExponential(1)}`);
  } finally {
    await rm(scratch, {recursive: true, force: true});
  }
}

const [pretrained = `${MODEL}/pretrained`, finetuned = `${MODEL}/finetune/checkpoint-400`, count = '256'] =
  process.argv.slice(2);
await compare([pretrained, finetuned], Number(count));
