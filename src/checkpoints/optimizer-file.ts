import {join} from 'node:path';
import type {Optimizer} from '@tensorflow/tfjs';
import {openSafetensors, type FolderContents} from '../models/index.js';
import {optimizerState, restoreOptimizer, type Tf} from '../engine/index.js';

/** What an optimiser's tensors leave out. */
export interface OptimizerHeader {
  /** Class of the optimiser: `Adam`, `SGD`, … */
  kind: string;
  /** Steps taken. */
  iterations: number;
  /** Learning rate and whatever else it was made with, as it stood; absent in checkpoints of 0.1.0 and before. */
  config?: Readonly<Record<string, unknown>>;
}

const FILE = 'optimizer.safetensors';

/** The state of an optimiser as a file of a checkpoint, and what is not in the file. */
export async function optimizerFile(
  optimizer: Optimizer,
): Promise<{header: OptimizerHeader; files: FolderContents}> {
  const {tensors, ...header} = await optimizerState(optimizer);
  return {header, files: {[FILE]: tensors}};
}

/**
 * Puts the state in a checkpoint folder back into an optimiser of the same class.
 * @returns what it was made with otherwise now, for people
 */
export async function loadOptimizer({
  tf,
  optimizer,
  folder,
  header,
}: {
  tf: Tf;
  optimizer: Optimizer;
  folder: string;
  header: OptimizerHeader;
}): Promise<string[]> {
  const file = await openSafetensors(join(folder, FILE));
  try {
    const tensors = new Map<string, {shape: readonly number[]; data: Float32Array}>();
    for (const name of file.names()) {
      const {shape, data} = await file.read(name);
      tensors.set(name, {shape, data: data as Float32Array});
    }
    return await restoreOptimizer({tf, optimizer, state: {...header, tensors}});
  } finally {
    await file.close();
  }
}
