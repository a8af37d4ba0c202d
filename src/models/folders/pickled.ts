import {readdir} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';
import {shellQuoted} from '../../shell-quoted.js';
import {badWeights} from '../safetensors/tensor.js';

/** Names under which PyTorch's users keep weights; a checkpoint's other pickles hold none. */
const PICKLED = /^(pytorch_model.*|adapter_model)\.bin$|\.(pt|pth|ckpt|pth\.tar)$/;
const NO_WEIGHTS =
  /^(training_args|optimizer|scheduler|scaler|sampler|rng_state|random_states)|_optim_states\.pt$/;

/** One shard of a model, with the number of all. */
export const SHARD = /^pytorch_model-\d{5}-of-(\d{5})\.bin$/;

/** Whether a file of this name holds weights as a Python pickle, which only Python can read (and may run code). */
export function isPickled(path: string): boolean {
  return PICKLED.test(basename(path)) && !NO_WEIGHTS.test(basename(path));
}

/** The refusal of a pickled checkpoint, with the command that converts it. */
export function pickledRefusal(path: string): Error {
  // Of shards the folder is converted.
  const whole = SHARD.test(basename(path)) ? dirname(path) : path;
  return badWeights(
    path,
    `is a Python pickle, which only Python can read; convert it once: wandb-invariance convert ${shellQuoted(whole)}`,
  );
}

/** Path of the first pickled weights in a folder. */
export async function findPickled(folder: string): Promise<string | undefined> {
  const names = await readdir(folder).catch(() => []);
  const name = names.sort().find(isPickled);
  return name === undefined ? undefined : join(folder, name);
}
