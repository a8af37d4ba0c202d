import {readdir} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';
import {badWeights} from '../safetensors/tensor.js';

/** Names under which PyTorch's users keep weights; a checkpoint's other pickles hold none. */
const PICKLED = /^(pytorch_model.*|adapter_model)\.bin$|\.(pt|pth|ckpt|pth\.tar)$/;
const NO_WEIGHTS = /^(training_args|optimizer|scheduler|scaler|sampler|rng_state|random_states)/;

/** Whether a file of this name holds weights as a Python pickle, which only Python can read (and may run code). */
export function isPickled(path: string): boolean {
  return PICKLED.test(basename(path)) && !NO_WEIGHTS.test(basename(path));
}

/** The refusal of a pickled checkpoint, with the one line that converts it. */
export function pickledRefusal(path: string): Error {
  const shards = basename(path).startsWith('pytorch_model');
  const from = shards ? 'pytorch_model*.bin' : basename(path);
  const to = shards ? 'model.safetensors' : basename(path).replace(/(\.pth)?\.[^.]+$/, '.safetensors');
  const line =
    `cd ${JSON.stringify(dirname(path))} && python -c "import glob, torch; ` +
    `from safetensors.torch import save_file; ` +
    `w = [torch.load(f, 'cpu', weights_only=True) for f in sorted(glob.glob('${from}'))]; ` +
    `save_file({k: v.clone().contiguous() for s in w for k, v in s.get('state_dict', s).items()}, ` +
    `'${to}', {'format': 'pt'})"`;
  return badWeights(path, `is a Python pickle, which only Python can read; convert it once: ${line}`);
}

/** Path of the first pickled weights in a folder. */
export async function findPickled(folder: string): Promise<string | undefined> {
  const names = await readdir(folder).catch(() => []);
  const name = names.sort().find(isPickled);
  return name === undefined ? undefined : join(folder, name);
}
