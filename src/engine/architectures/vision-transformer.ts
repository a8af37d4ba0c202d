import {
  add,
  concat,
  expand,
  gelu,
  geluTanh,
  layerNorm,
  linear,
  matmul,
  mean,
  multiply,
  quickGelu,
  relu,
  reshape,
  scale,
  silu,
  slice,
  softmax,
  transpose,
} from '../onnx/ops.js';
import type {Value} from '../onnx/tape.js';
import {relativeBias, relativeShape} from './relative-positions.js';
import {patchGrid, prefixTokens, type Activation, type Spec} from './spec.js';

/** Asks for a weight by its canonical name; the first use declares it. */
export type TakeParameter = (name: string, shape: readonly number[]) => Value;

export interface Outputs {
  /** Of each block the residual stream after it and what its two branches added to that, (n, T, D) each. */
  readonly blocks: readonly Block[];
  /** The final norm's class token, or what this architecture has in its place, (n, D). */
  readonly norm: Value;
  /** (n, classes); null without a classifier. */
  readonly logits: Value | null;
}

interface Block {
  /** The update by attention, as it joins the stream: after the layer scale, where there is one. */
  readonly attention: Value;
  /** The update by the MLP, likewise. */
  readonly mlp: Value;
  readonly stream: Value;
}

const activations: Readonly<Record<Activation, (x: Value) => Value>> = {
  gelu,
  gelu_tanh: geluTanh,
  quick_gelu: quickGelu,
  silu,
  relu,
};

/**
 * The forward pass of every architecture we know, written once (Dosovitskiy et al. 2021, arXiv 2010.11929; pre-norm).
 *
 * @param pixels (n, channels, height, width), normalised
 * @param classes outputs of the classifier; 0 for none
 */
export function visionTransformer(spec: Spec, pixels: Value, parameter: TakeParameter, classes = 0): Outputs {
  let x = embed(spec, pixels, parameter);
  const shared =
    spec.relativePositions === 'shared'
      ? relativeBias(spec, parameter('relative_bias', relativeShape(spec)))
      : null;
  const blocks: Block[] = [];
  for (let i = 0; i < spec.depth; i++) {
    const made = block(spec, x, shared, (name, shape) => parameter(`blocks.${i}.${name}`, shape));
    blocks.push(made);
    x = made.stream;
  }
  const read = readout(spec, x, parameter);
  return {blocks, norm: read, logits: classes ? classify(spec, x, read, parameter, classes) : null};
}

/** Patches, tokens and positions: (n, T, D). */
function embed(spec: Spec, pixels: Value, parameter: TakeParameter): Value {
  const {width: d, patch: p, channels} = spec;
  const n = pixels.shape[0]!;
  const {rows, columns} = patchGrid(spec);
  const cropped = slice(slice(pixels, 2, 0, rows * p), 3, 0, columns * p);
  const cells = transpose(reshape(cropped, [n, channels, rows, p, columns, p]), [0, 2, 4, 1, 3, 5]);
  const kernel = reshape(parameter('patch_embed.weight', [d, channels, p, p]), [d, channels * p * p]);
  const bias = spec.patchBias ? parameter('patch_embed.bias', [d]) : null;
  const patches = linear(reshape(cells, [n, rows * columns, channels * p * p]), kernel, bias);

  const token = (name: string, count: number) =>
    expand(reshape(parameter(name, count === 1 ? [d] : [count, d]), [1, count, d]), [n, count, d]);
  const special = [
    ...(spec.classToken ? [token('cls_token', 1)] : []),
    ...(spec.distillationToken ? [token('dist_token', 1)] : []),
  ];
  const registers = spec.registers ? [token('register_tokens', spec.registers)] : [];
  const positioned = (parts: readonly Value[]) => {
    const tokens = concat(parts, 1);
    return add(tokens, parameter('pos_embed', tokens.shape.slice(1)));
  };
  const tokens = {
    all: () => {
      const placed = positioned([...special, patches]);
      if (!spec.registers) return placed;
      const t = placed.shape[1]!;
      return concat(
        [slice(placed, 1, 0, special.length), ...registers, slice(placed, 1, special.length, t)],
        1,
      );
    },
    'all and registers': () => positioned([...special, ...registers, patches]),
    patches: () => concat([...special, ...registers, positioned([patches])], 1),
    none: () => concat([...special, ...registers, patches], 1),
  }[spec.positions]();
  return spec.normBefore ? norm(spec, tokens, parameter, 'norm_pre') : tokens;
}

function block(spec: Spec, x: Value, shared: Value | null, parameter: TakeParameter): Block {
  const scaled = (branch: Value, name: string) =>
    spec.layerScale ? multiply(branch, parameter(name, [spec.width])) : branch;
  const attended = scaled(attention(spec, norm(spec, x, parameter, 'norm1'), shared, parameter), 'ls1');
  const middle = add(x, attended);
  const transformed = scaled(mlp(spec, norm(spec, middle, parameter, 'norm2'), parameter), 'ls2');
  return {attention: attended, mlp: transformed, stream: add(middle, transformed)};
}

function norm({width, epsilon}: Spec, x: Value, parameter: TakeParameter, name: string): Value {
  return layerNorm(x, parameter(`${name}.weight`, [width]), parameter(`${name}.bias`, [width]), epsilon);
}

function project(x: Value, out: number, parameter: TakeParameter, name: string, bias = true): Value {
  const weight = parameter(`${name}.weight`, [out, x.shape.at(-1)!]);
  return linear(x, weight, bias ? parameter(`${name}.bias`, [out]) : null);
}

function attention(spec: Spec, x: Value, shared: Value | null, parameter: TakeParameter): Value {
  const [n, t, d] = x.shape as [number, number, number];
  const {heads, biases} = spec;
  const split = (name: string, bias: boolean) =>
    transpose(
      reshape(project(x, d, parameter, `attn.${name}`, bias), [n, t, heads, d / heads]),
      [0, 2, 1, 3],
    );
  const own =
    spec.relativePositions === 'block'
      ? relativeBias(spec, parameter('attn.relative_bias', relativeShape(spec)))
      : shared;
  const factor = (d / heads) ** -0.5;
  const scores = matmul(split('q', biases.query), split('k', biases.key), {transB: true, factor});
  const probabilities = softmax(own ? add(scores, own) : scores);
  const mixed = matmul(probabilities, split('v', biases.value));
  return project(reshape(transpose(mixed, [0, 2, 1, 3]), [n, t, d]), d, parameter, 'attn.proj');
}

function mlp(spec: Spec, x: Value, parameter: TakeParameter): Value {
  const activate = activations[spec.activation];
  const inner = spec.gated
    ? multiply(
        activate(project(x, spec.hidden, parameter, 'mlp.gate')),
        project(x, spec.hidden, parameter, 'mlp.up'),
      )
    : activate(project(x, spec.hidden, parameter, 'mlp.fc1'));
  return project(inner, spec.width, parameter, spec.gated ? 'mlp.down' : 'mlp.fc2');
}

/** The layer `norm`. */
function readout(spec: Spec, x: Value, parameter: TakeParameter): Value {
  const [n, t, d] = x.shape as [number, number, number];
  const flat = (value: Value) => reshape(value, [n, d]);
  const first = slice(x, 1, 0, 1);
  return {
    class: () => flat(norm(spec, first, parameter, 'norm')),
    mean: () => flat(mean(norm(spec, x, parameter, 'norm'), [1])),
    'mean of patches': () =>
      flat(mean(slice(norm(spec, x, parameter, 'norm'), 1, prefixTokens(spec), t), [1])),
    'norm of mean': () => flat(norm(spec, mean(slice(x, 1, prefixTokens(spec), t), [1]), parameter, 'norm')),
  }[spec.readout]();
}

function classify(spec: Spec, x: Value, read: Value, parameter: TakeParameter, classes: number): Value {
  const [n, t, d] = x.shape as [number, number, number];
  const head = (value: Value, name = 'head') => project(value, classes, parameter, name);
  const patches = slice(x, 1, prefixTokens(spec), t);
  const average = (value: Value) => reshape(mean(value, [1]), [n, d]);
  return {
    readout: () => head(read),
    'class and mean': () => head(concat([read, average(norm(spec, patches, parameter, 'norm'))], 1)),
    'class and distillation': () => {
      const second = reshape(norm(spec, slice(x, 1, 1, 2), parameter, 'norm'), [n, d]);
      return scale(add(head(read), head(second, 'head_dist')), 0.5);
    },
    'mean of block': () => head(average(patches)),
  }[spec.head]();
}
