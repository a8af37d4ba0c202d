/**
 * Milliseconds of a forward pass to the last block and of an inversion step there (loss and gradient), a batch at a
 * time, beside PyTorch on the same folder in the same run: rounds alternate, medians are compared.
 *
 *     node --import tsx bench/engine.ts [THREADS] [ROUNDS]      (WANDB_INVARIANCE_PYTHON names Python)
 */
import {spawn} from 'node:child_process';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {drawn} from '../src/engine/architectures/draw.js';
import {nameOnDisk} from '../src/engine/architectures/names.js';
import {writeNetwork} from '../src/engine/architectures/network.js';
import {vit, vitSpec} from '../src/engine/architectures/vit.js';
import {openOrtEngine} from '../src/engine/index.js';
import {writeModelFolder} from '../src/models/index.js';
import {seededRandom} from '../src/random.js';
import {python, pythonHas} from '../test/python.js';

const [threads = 1, rounds = 9] = process.argv.slice(2).map(Number);

const models = {
  'vit-cifar size, batch 16': {
    batch: 16,
    config: {
      hidden_size: 64,
      num_hidden_layers: 6,
      num_attention_heads: 4,
      intermediate_size: 256,
      image_size: 32,
      patch_size: 4,
    },
  },
  'ViT-S/32, batch 8': {
    batch: 8,
    config: {
      hidden_size: 384,
      num_hidden_layers: 12,
      num_attention_heads: 6,
      intermediate_size: 1536,
      image_size: 224,
      patch_size: 32,
    },
  },
};

/** Answers each line of its input with the milliseconds of one forward pass or step. */
const beside = `
import sys, time, torch, transformers
folder, threads, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
model = transformers.ViTModel.from_pretrained(folder, add_pooling_layer=False).eval()
taken = []
model.layers[-1].register_forward_hook(lambda module, inputs, output: taken.append(output))
size = model.config.image_size
pixels = torch.rand(batch, 3, size, size)
def features(images):
    taken.clear()
    model((images.clamp(0, 1) - 0.5) / 0.5)
    return taken[0].flatten(1)
with torch.no_grad():
    target = features(pixels)
seeds = torch.rand(batch, 3, size, size).requires_grad_()
print("ready", flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    if line.strip() == "forward":
        with torch.no_grad():
            features(pixels)
    else:
        loss = (features(seeds) - target).norm(dim=1) / target.norm(dim=1)
        torch.autograd.grad(loss.sum(), seeds)
    print((time.perf_counter() - start) * 1000, flush=True)
`;

async function writeFolder(folder: string, sizes: Record<string, number>): Promise<void> {
  const config = {model_type: 'vit', architectures: ['ViTModel'], ...sizes};
  const spec = vitSpec(config);
  const half = [0.5, 0.5, 0.5];
  const random = seededRandom(0);
  const {parameters} = writeNetwork({spec, normalisation: {mean: half, std: half}});
  const tensors = parameters.map(({name, shape}) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const data = drawn(vit.draw(name, {shape, spec, config}), count, random);
    const onDisk =
      name.endsWith('token') || name === 'pos_embed'
        ? [1, ...(name === 'pos_embed' ? shape : [1, ...shape])]
        : shape;
    return [nameOnDisk(vit.names[0]!, name)!.name, {shape: onDisk, data}] as const;
  });
  await writeModelFolder(folder, {
    config,
    preprocessor: {
      mean: half,
      std: half,
      size: spec.image,
      resize: spec.image,
      resample: 'bilinear',
      rescale: 1 / 255,
    },
    tensors: new Map(tensors),
  });
}

/** A Python process that runs what it is told; undefined where there is none. */
async function startPython(folder: string, batch: number) {
  if (!pythonHas('torch', 'transformers')) return undefined;
  const child = spawn(python, ['-c', beside, folder, String(threads), String(batch)], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {...process.env, HF_HUB_OFFLINE: '1'},
  });
  const lines = createInterface({input: child.stdout})[Symbol.asyncIterator]();
  await lines.next();
  return {
    run: async (what: string) => {
      child.stdin.write(`${what}\n`);
      return Number((await lines.next()).value);
    },
    end: () => child.stdin.end(),
  };
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

for (const [name, {batch, config}] of Object.entries(models)) {
  const scratch = await mkdtemp(join(tmpdir(), 'bench-'));
  const folder = join(scratch, 'model');
  await writeFolder(folder, config);
  const layer = `block_${String(config.num_hidden_layers - 1).padStart(2, '0')}`;
  const engine = await openOrtEngine({folder, threads, batch});
  const random = seededRandom(1);
  const images = () => {
    const length = batch * 3 * config.image_size ** 2;
    return {...engine.input, count: batch, data: Float32Array.from({length}, () => random.uniform())};
  };
  const [probes, seeds] = [images(), images()];
  const targets = await engine.features(probes, layer);
  const ours: Record<string, () => Promise<unknown>> = {
    forward: () => engine.features(probes, layer),
    step: () => engine.lossAndGradient(seeds, layer, targets),
  };
  const theirs = await startPython(folder, batch);
  if (!theirs)
    console.log('PyTorch is not here: no ratio (WANDB_INVARIANCE_PYTHON names a Python that has it)');
  console.log(`${name}; ${engine.description}; medians of ${rounds}`);
  for (const [what, run] of Object.entries(ours)) {
    const times: {ours: number[]; theirs: number[]} = {ours: [], theirs: []};
    await run();
    await theirs?.run(what);
    for (let round = 0; round < rounds; round++) {
      const start = performance.now();
      await run();
      times.ours.push(performance.now() - start);
      if (theirs) times.theirs.push(await theirs.run(what));
    }
    const own = median(times.ours);
    const beside = theirs
      ? `, PyTorch ${median(times.theirs).toFixed(1)} ms, ratio ${(own / median(times.theirs)).toFixed(2)}`
      : '';
    console.log(`  ${what}: ${own.toFixed(1)} ms${beside}`);
  }
  theirs?.end();
  await engine.dispose();
  await rm(scratch, {recursive: true});
}
