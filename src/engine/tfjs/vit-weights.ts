import {nameOnDisk} from '../architectures/names.js';
import {blockNames, writeNetwork} from '../architectures/network.js';
import type {Spec} from '../architectures/spec.js';
import {vit} from '../architectures/vit.js';

/** One weight of a trainable ViT. */
export interface VitWeight {
  /** Canonical name, as every engine calls it. */
  readonly name: string;
  /** Layer that owns it: `embeddings`, `block_00`, …, `norm`, `head`. */
  readonly layer: string;
  /** Its canonical name within that layer: `attn.q.weight`. */
  readonly part: string;
  /** Shape in PyTorch. */
  readonly shape: readonly number[];
}

/** Every weight of the network, in the order in which its layers hold them. */
export function vitWeights(spec: Spec, classes = 0): VitWeight[] {
  const identity = new Array<number>(spec.channels).fill(1);
  const {parameters} = writeNetwork({spec, normalisation: {mean: identity, std: identity}, classes});
  const blocks = blockNames(spec.depth);
  return parameters.map(({name, shape}) => {
    const [, block, part] = /^blocks\.(\d+)\.(.*)$/.exec(name) ?? [];
    if (block !== undefined) return {name, layer: blocks[Number(block)]!, part: part!, shape};
    const [owner] = name.split('.') as [string];
    return {name, layer: owner === 'norm' || owner === 'head' ? owner : 'embeddings', part: name, shape};
  });
}

/** A canonical tensor as a Hugging Face folder holds it. */
export function onDisk({name, shape}: Pick<VitWeight, 'name' | 'shape'>): {name: string; shape: number[]} {
  const {name: bare} = nameOnDisk(vit.names[0]!, name)!;
  const token = name === 'cls_token' ? [1, 1] : name === 'pos_embed' ? [1] : [];
  return {name: name.startsWith('head.') ? bare : vit.prefixes[0] + bare, shape: [...token, ...shape]};
}

/**
 * The weight's shape in its layer: a linear weight [out, in] is a kernel [in, out] there, and the patch convolution
 * [D, C, P, P] a kernel [P·P·C, D] over pixels in (row, column, channel) order.
 */
export function layerShape(weight: VitWeight): number[] {
  if (!isKernel(weight)) return [...weight.shape];
  const [out = 0, ...rest] = weight.shape;
  return [rest.reduce((product, size) => product * size, 1), out];
}

/** From PyTorch's layout to the layer's. */
export function toLayer(weight: VitWeight, data: Float32Array): Float32Array {
  return rearrange(weight, data, (layer, torch, from, to) => (to[layer] = from[torch]!));
}

/** From the layer's layout to PyTorch's. */
export function fromLayer(weight: VitWeight, data: Float32Array): Float32Array {
  return rearrange(weight, data, (layer, torch, from, to) => (to[torch] = from[layer]!));
}

function isKernel({name, shape}: VitWeight): boolean {
  return name.endsWith('.weight') && shape.length > 1;
}

function rearrange(
  weight: VitWeight,
  from: Float32Array,
  move: (layer: number, torch: number, from: Float32Array, to: Float32Array) => void,
): Float32Array {
  if (!isKernel(weight)) return Float32Array.from(from);
  const [out = 0, channels = 0, height = 1, columns = 1] = weight.shape;
  const to = new Float32Array(from.length);
  const pixels = height * columns;
  for (let o = 0; o < out; o++) {
    for (let c = 0; c < channels; c++) {
      for (let pixel = 0; pixel < pixels; pixel++) {
        move((pixel * channels + c) * out + o, (o * channels + c) * pixels + pixel, from, to);
      }
    }
  }
  return to;
}
