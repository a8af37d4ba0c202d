import {type VitConfig, blockName, tokensOf} from './vit-config.js';

/**
 * How a Hugging Face tensor lies in a layer: as it is; a linear weight [out, in] as kernel [in, out]; or a patch
 * convolution [D, C, P, P] as kernel [P·P·C, D] over pixels in (row, column, channel) order.
 */
type Form = 'same' | 'linear' | 'patches';

/** One weight of a trainable ViT. */
export interface VitWeight {
  /** Layer that owns it: `embeddings`, `block_00`, …, `norm`, `head`. */
  layer: string;
  /** Name in the Hugging Face folder. */
  name: string;
  /** Shape there. */
  shape: number[];
  form: Form;
  /** How transformers draws it. */
  initializer: 'truncatedNormal' | 'zeros' | 'ones';
}

/** Every weight of the network without its head, in the order in which its layers hold them. */
export function vitWeights(config: VitConfig): VitWeight[] {
  const {width, hidden, channels, patchSize} = config;
  const weight = (layer: string, name: string, shape: number[], form: Form = 'same'): VitWeight => ({
    layer,
    name,
    shape,
    form,
    initializer: 'truncatedNormal',
  });
  const bias = (layer: string, name: string, length: number): VitWeight => ({
    ...weight(layer, `${name}.bias`, [length]),
    initializer: 'zeros',
  });
  const dense = (layer: string, name: string, rows: number, columns: number, biased = true): VitWeight[] => [
    weight(layer, `${name}.weight`, [rows, columns], 'linear'),
    ...(biased ? [bias(layer, name, rows)] : []),
  ];
  const norm = (layer: string, name: string): VitWeight[] => [
    {...weight(layer, `${name}.weight`, [width]), initializer: 'ones'},
    bias(layer, name, width),
  ];
  const blocks = Array.from({length: config.depth}, (_, index) => {
    const layer = blockName(index);
    const prefix = `vit.encoder.layer.${index}`;
    return [
      ...norm(layer, `${prefix}.layernorm_before`),
      ...['query', 'key', 'value'].flatMap(part =>
        dense(layer, `${prefix}.attention.attention.${part}`, width, width, config.qkvBias),
      ),
      ...dense(layer, `${prefix}.attention.output.dense`, width, width),
      ...norm(layer, `${prefix}.layernorm_after`),
      ...dense(layer, `${prefix}.intermediate.dense`, hidden, width),
      ...dense(layer, `${prefix}.output.dense`, width, hidden),
    ];
  });
  const projection = 'vit.embeddings.patch_embeddings.projection';
  return [
    weight('embeddings', 'vit.embeddings.cls_token', [1, 1, width]),
    weight('embeddings', 'vit.embeddings.position_embeddings', [1, tokensOf(config), width]),
    weight('embeddings', `${projection}.weight`, [width, channels, patchSize, patchSize], 'patches'),
    bias('embeddings', projection, width),
    ...blocks.flat(),
    ...norm('norm', 'vit.layernorm'),
  ];
}

/** The head's weights, where there is one. */
export function headWeights(width: number, classes: number): VitWeight[] {
  return [
    {
      layer: 'head',
      name: 'classifier.weight',
      shape: [classes, width],
      form: 'linear',
      initializer: 'truncatedNormal',
    },
    {layer: 'head', name: 'classifier.bias', shape: [classes], form: 'same', initializer: 'zeros'},
  ];
}

/** The weight's shape in its layer. */
export function layerShape({form, shape}: VitWeight): number[] {
  if (form === 'same') return shape;
  const [out = 0, ...rest] = shape;
  return [rest.reduce((product, size) => product * size, 1), out];
}

/** From Hugging Face's layout to the layer's. */
export function toLayer(weight: VitWeight, data: Float32Array): Float32Array {
  return rearrange(weight, data, (layer, folder, from, to) => (to[layer] = from[folder]!));
}

/** From the layer's layout to Hugging Face's. */
export function fromLayer(weight: VitWeight, data: Float32Array): Float32Array {
  return rearrange(weight, data, (layer, folder, from, to) => (to[folder] = from[layer]!));
}

function rearrange(
  {form, shape}: VitWeight,
  from: Float32Array,
  move: (layer: number, folder: number, from: Float32Array, to: Float32Array) => void,
): Float32Array {
  if (form === 'same') return Float32Array.from(from);
  const [out = 0, channels = 0, height = 1, columns = 1] = shape;
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
