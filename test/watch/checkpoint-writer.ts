import {mkdir, rename, rm, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {openSafetensors, writeSafetensors, type WritableTensor} from '../../src/models/index.js';
import {finetuned, tinyVariant} from '../measure/tiny-vit.js';

/**
 * Leaves `checkpoint-<step>` of a finetune of the tiny ViT, as a Trainer does: its weights moved by `amount`, the values
 * of the tensor `wider` given twice.
 */
export async function writeCheckpoint(
  folder: string,
  step: number,
  {
    amount = step / 1000,
    maxSteps = 0,
    loss = 1,
    wider,
  }: {amount?: number; maxSteps?: number; loss?: number; wider?: string} = {},
): Promise<string> {
  const half = join(folder, `.half-${step}`);
  const path = join(folder, `checkpoint-${step}`);
  await mkdir(folder, {recursive: true});
  await tinyVariant(half, finetuned(amount, -1));
  if (wider !== undefined) await widen(join(half, 'model.safetensors'), wider);
  const state = {
    global_step: step,
    epoch: step / 100,
    max_steps: maxSteps,
    // As a Trainer's, the history is the whole training's.
    log_history: Array.from({length: step / 5}, (_, i) => ({
      step: 5 * (i + 1),
      epoch: (i + 1) / 20,
      loss: loss + 1 / (i + 1),
      learning_rate: 0.1 / (i + 1),
    })),
  };
  await writeFile(join(half, 'trainer_state.json'), JSON.stringify(state));
  await rm(path, {recursive: true, force: true});
  await rename(half, path);
  return path;
}

async function widen(path: string, wider: string): Promise<void> {
  const file = await openSafetensors(path);
  const tensors = new Map<string, WritableTensor>();
  for (const name of file.names()) {
    const {shape, data} = await file.read(name);
    const values = data as Float32Array;
    if (name === wider)
      tensors.set(name, {
        shape: [2 * shape[0]!, ...shape.slice(1)],
        data: Float32Array.of(...values, ...values),
      });
    else tensors.set(name, {shape, data: values});
  }
  await file.close();
  await writeSafetensors(path, tensors);
}
