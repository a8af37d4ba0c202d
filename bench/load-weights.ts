/**
 * Seconds and peak memory to load a ViT-B/16 folder (random weights, 86 M parameters), beside Python's
 * `safetensors.torch.load_file` in the same run. Every load is a process of its own; the file is in the page cache.
 *
 *     node --import tsx bench/load-weights.ts [ROUNDS]      (WANDB_INVARIANCE_PYTHON names Python)
 */
import {execFileSync} from 'node:child_process';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {openModelFolder, writeModelFolder} from '../src/models/index.js';
import {python, pythonHas} from '../test/python.js';

interface Load {
  seconds: number;
  /** MiB: before loading, and at the highest. */
  before: number;
  peak: number;
}

const MIB = 2 ** 20;

/** ViT-B/16 of transformers, without a head: names and shapes. */
function vitB16(): Map<string, number[]> {
  const [width, mlp] = [768, 3072];
  const shapes = new Map<string, number[]>([
    ['vit.embeddings.cls_token', [1, 1, width]],
    ['vit.embeddings.position_embeddings', [1, 197, width]],
    ['vit.embeddings.patch_embeddings.projection.weight', [width, 3, 16, 16]],
    ['vit.embeddings.patch_embeddings.projection.bias', [width]],
    ['vit.layernorm.weight', [width]],
    ['vit.layernorm.bias', [width]],
  ]);
  for (let block = 0; block < 12; block++) {
    const add = (name: string, shape: number[]) => {
      shapes.set(`vit.encoder.layer.${block}.${name}.weight`, shape);
      shapes.set(`vit.encoder.layer.${block}.${name}.bias`, [shape[0]!]);
    };
    for (const name of ['query', 'key', 'value']) add(`attention.attention.${name}`, [width, width]);
    add('attention.output.dense', [width, width]);
    add('intermediate.dense', [mlp, width]);
    add('output.dense', [width, mlp]);
    add('layernorm_before', [width]);
    add('layernorm_after', [width]);
  }
  return shapes;
}

async function writeFolder(folder: string): Promise<number> {
  const tensors = new Map(
    [...vitB16()].map(([name, shape]) => {
      const data = Float32Array.from({length: shape.reduce((a, b) => a * b)}, () => Math.random() - 0.5);
      return [name, {shape, data}];
    }),
  );
  const side = {height: 224, width: 224};
  const half = [0.5, 0.5, 0.5];
  const start = performance.now();
  await writeModelFolder(folder, {
    config: {model_type: 'vit'},
    preprocessor: {mean: half, std: half, size: side, resize: side, resample: 'bilinear', rescale: 1 / 255},
    tensors,
  });
  return (performance.now() - start) / 1000;
}

/** In a process of its own: reads every tensor, keeping all of them or one at a time. */
async function load(folder: string, keep: boolean): Promise<Load> {
  const before = process.memoryUsage.rss() / MIB;
  const start = performance.now();
  const {tensors} = await openModelFolder(folder);
  const kept = [];
  for (const name of tensors.names()) {
    const tensor = await tensors.read(name);
    if (keep) kept.push(tensor);
  }
  await tensors.close();
  const seconds = (performance.now() - start) / 1000;
  return {seconds, before, peak: process.resourceUsage().maxRSS / 1024};
}

const PYTHON_LOAD = `
import json, resource, sys, time
from safetensors.torch import load_file
rss = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, start = rss(), time.perf_counter()
tensors = load_file(sys.argv[1])
if sys.argv[2] == "check":
    finite = all(bool(tensor.isfinite().all()) for tensor in tensors.values())
print(json.dumps({"seconds": time.perf_counter() - start, "before": before, "peak": rss()}))
`;

function child(command: string, args: string[]): Load {
  return JSON.parse(execFileSync(command, args, {encoding: 'utf8'})) as Load;
}

function median(loads: readonly Load[], key: keyof Load): number {
  return loads.map(each => each[key]).sort((a, b) => a - b)[Math.floor(loads.length / 2)]!;
}

async function compare(rounds: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'invariance-bench-'));
  try {
    const model = join(folder, 'vit-b-16');
    console.log(`written, synced and renamed in ${(await writeFolder(model)).toFixed(2)} s`);
    const own = fileURLToPath(import.meta.url);
    const load = (way: string) => child(process.execPath, ['--import', 'tsx', own, '--load', model, way]);
    const inPython = (way: string) =>
      child(python, ['-c', PYTHON_LOAD, join(model, 'model.safetensors'), way]);
    const ways: [string, () => Load][] = [
      ['all tensors kept, checked finite', () => load('keep')],
      ['one tensor at a time, checked finite', () => load('drop')],
    ];
    if (pythonHas('torch', 'safetensors'))
      ways.push(
        ['Python load_file (maps the file, reads nothing yet)', () => inPython('map')],
        ['Python load_file, checked finite', () => inPython('check')],
      );
    else console.log(`Python's side is skipped: ${python} has no torch and safetensors`);
    const loads = ways.map((): Load[] => []);
    for (let round = 0; round < rounds; round++) ways.forEach(([, run], i) => loads[i]!.push(run()));
    ways.forEach(([name], i) => {
      const [seconds, before, peak] = (['seconds', 'before', 'peak'] as const).map(key =>
        median(loads[i]!, key),
      );
      const more = (peak! - before!).toFixed(0);
      console.log(
        `${name}: ${seconds!.toFixed(2)} s, peak ${peak!.toFixed(0)} MiB, ${more} more than before`,
      );
    });
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

if (process.argv[2] === '--load')
  console.log(JSON.stringify(await load(process.argv[3]!, process.argv[4] === 'keep')));
else await compare(Number(process.argv[2] ?? 5));
