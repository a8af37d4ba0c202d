import {join} from 'node:path';
import {openModelFolder, writeModelFolder, type WritableTensor} from '../../src/engine/index.js';
import {seededRandom} from '../../src/random.js';

/** A tiny ViT that transformers made: 2 blocks, 8 × 8 pixels. */
export const PRETRAINED = 'test/fixtures/weights/whole';

/**
 * Leaves `checkpoint-<step>` of a finetune of the tiny ViT, as a Trainer does: its weights moved by `amount`, the rows
 * of the tensor `wider` doubled.
 */
export async function writeCheckpoint(
  folder: string,
  step: number,
  {amount = step / 1000, maxSteps = 0, wider}: {amount?: number; maxSteps?: number; wider?: string} = {},
): Promise<string> {
  const random = seededRandom(1);
  const {config, preprocessor, tensors} = await openModelFolder(PRETRAINED);
  const moved = new Map<string, WritableTensor>();
  for (const name of tensors.names()) {
    const {shape, data} = await tensors.read(name);
    const values = (data as Float32Array).map(value => value + amount * random.normal());
    if (name === wider)
      moved.set(name, {
        shape: [2 * shape[0]!, ...shape.slice(1)],
        data: Float32Array.of(...values, ...values),
      });
    else moved.set(name, {shape, data: values});
  }
  await tensors.close();
  const state = {
    global_step: step,
    epoch: step / 100,
    max_steps: maxSteps,
    log_history: [
      {step: step - 5, epoch: (step - 5) / 100, loss: 2, learning_rate: 0.1},
      {step, epoch: step / 100, loss: 1, learning_rate: 0.05},
    ],
  };
  const path = join(folder, `checkpoint-${step}`);
  await writeModelFolder(path, {
    config,
    preprocessor,
    tensors: moved,
    files: {'trainer_state.json': JSON.stringify(state)},
  });
  return path;
}
