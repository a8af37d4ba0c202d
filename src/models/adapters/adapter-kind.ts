import {badWeights} from '../safetensors/tensor.js';

/** The tensors that an adapter keeps for one module, by the part of their name behind the module's: `lora_A`. */
export type Parts = ReadonlyMap<string, Part>;

export interface Part {
  /** Name in the adapter's file. */
  readonly key: string;
  readonly shape: readonly number[];
}

/** Reads a part's numbers, row-major. */
export type ReadPart = (part: string) => Promise<Float32Array>;

type Change = (data: Float32Array, read: ReadPart) => Promise<Float32Array>;

/** What an adapter does to one module. */
export interface Plan {
  /** The shape that the module's weight must have; null for a size that does not matter. */
  readonly shape: readonly (number | null)[];
  /** What the shape follows from, for messages: "lora_B · lora_A". */
  readonly from: string;
  readonly weight: Change;
  /** Where the bias changes too. */
  readonly bias?: Change;
  /** The adapter brings something that only a bias can take: without one in the base it does not fit. */
  readonly needsBias?: true;
}

/** Plans what happens to a module. @throws InvarianceError `bad_weights` for parts that do not agree with each other */
export type PlanModule = (module: string, parts: Parts) => Plan;

export const REMEDY = 'merge it in Python once: model.merge_and_unload().save_pretrained(FOLDER)';

/** Parts that must all be there, as matrices of so many rows and columns. */
export function matrices<Name extends string>(
  names: readonly Name[],
  module: string,
  parts: Parts,
  path: string,
): Record<Name, {rows: number; columns: number}> {
  const missing = names.find(name => !parts.has(name));
  if (missing !== undefined)
    throw badWeights(
      path,
      `has no ${missing} for ${module} beside its ${[...parts.keys()].join(', ')}: damaged; copy it again`,
    );
  const other = names.find(name => parts.get(name)!.shape.length !== 2);
  if (other !== undefined)
    throw badWeights(
      path,
      `has ${other} of ${module} in ${parts.get(other)!.shape.length} dimensions; ${REMEDY}`,
    );
  return Object.fromEntries(
    names.map(name => {
      const [rows, columns] = parts.get(name)!.shape;
      return [name, {rows, columns}];
    }),
  ) as Record<Name, {rows: number; columns: number}>;
}
