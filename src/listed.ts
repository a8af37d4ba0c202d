import type {LayerName} from './types.js';

/** "block_00 to block_03, norm": neighbours in the order of the layers are drawn together. */
export function listed(names: readonly LayerName[], layers: readonly LayerName[]): string {
  const runs: LayerName[][] = [];
  for (const name of names) {
    const run = runs.at(-1);
    if (run && layers.indexOf(run.at(-1)!) + 1 === layers.indexOf(name)) run.push(name);
    else runs.push([name]);
  }
  return runs.map(run => (run.length > 2 ? `${run[0]} to ${run.at(-1)}` : run.join(', '))).join(', ');
}

/** As a sentence begins. */
export function capitalised(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}
