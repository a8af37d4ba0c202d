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
  rmsNorm,
  scale,
  silu,
  slice,
  softmax,
  tensor,
  transpose,
} from '../onnx/ops.js';
import type {Value} from '../onnx/tape.js';
import {relativeBias, relativeShape} from './relative-positions.js';
import {turnsOf, type Turn} from './rotary.js';
import {sines} from './sines.js';
import {endOfPatches, patchGrid, prefixTokens, type Activation, type Spec} from './spec.js';

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
 * The forward pass of every architecture we know, written once (Dosovitskiy et al. 2021, arXiv 2010.11929; pre-norm
 * unless the specification says otherwise).
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
  const turns = turnsOf(spec, pixels.tape, parameter);
  for (let i = 0; i < spec.depth; i++) {
    if (spec.repeatedPositions && i > 0) x = add(x, repeatedPosition(spec, x, parameter, i - 1));
    const made = block(spec, x, {shared, turn: turns?.(i) ?? null}, (name, shape) =>
      parameter(`blocks.${i}.${name}`, shape),
    );
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
  const [order, kernelShape] = spec.channelsLast
    ? [
        [0, 2, 4, 3, 5, 1],
        [d, p * p * channels],
      ]
    : [
        [0, 2, 4, 1, 3, 5],
        [d, channels, p, p],
      ];
  const cells = transpose(reshape(cropped, [n, channels, rows, p, columns, p]), order);
  const kernel = reshape(parameter('patch_embed.weight', kernelShape), [d, channels * p * p]);
  const bias = spec.patchBias ? parameter('patch_embed.bias', [d]) : null;
  const raw = linear(reshape(cells, [n, rows * columns, channels * p * p]), kernel, bias);
  const patches = spec.patchNorm ? norm(spec, raw, parameter, 'patch_norm') : raw;

  const token = (name: string, count: number) =>
    expand(reshape(parameter(name, count === 1 ? [d] : [count, d]), [1, count, d]), [n, count, d]);
  const special = [
    ...(spec.classToken ? [token('cls_token', 1)] : []),
    ...(spec.distillationToken ? [token('dist_token', 1)] : []),
  ];
  const registers = spec.registers ? [token('register_tokens', spec.registers)] : [];
  const detections = spec.detectionTokens ? [token('detection_tokens', spec.detectionTokens)] : [];
  const positioned = (parts: readonly Value[]) => {
    const tokens = concat(parts, 1);
    return add(tokens, parameter('pos_embed', tokens.shape.slice(1)));
  };
  const tokens = {
    all: () => {
      const placed = positioned([...special, patches, ...detections]);
      if (!spec.registers) return placed;
      const t = placed.shape[1]!;
      return concat(
        [slice(placed, 1, 0, special.length), ...registers, slice(placed, 1, special.length, t)],
        1,
      );
    },
    'all and registers': () => positioned([...special, ...registers, patches]),
    patches: () => concat([...special, ...registers, positioned([patches])], 1),
    sines: () => {
      const fixed = tensor(patches.tape, [1, rows * columns, d], sines(spec));
      return concat([...special, ...registers, add(patches, fixed)], 1);
    },
    none: () => concat([...special, ...registers, patches], 1),
  }[spec.positions]();
  return spec.normBefore ? norm(spec, tokens, parameter, 'norm_pre') : tokens;
}

/** Positions that are added before a block other than the first, (T, D). */
function repeatedPosition(spec: Spec, x: Value, parameter: TakeParameter, index: number): Value {
  const [, t, d] = x.shape as [number, number, number];
  const all = parameter('repeated_positions', [spec.depth - 1, t, d]);
  return reshape(slice(all, 0, index, index + 1), [t, d]);
}

/** What attention knows of places. */
interface Places {
  /** A bias of the scores that all blocks share. */
  readonly shared: Value | null;
  readonly turn: Turn | null;
}

function block(spec: Spec, x: Value, places: Places, parameter: TakeParameter): Block {
  const branch = (input: Value, of: (normed: Value) => Value, index: 1 | 2) => {
    const normed = (value: Value) => norm(spec, value, parameter, `norm${index}`);
    const output = spec.postNorm ? normed(of(input)) : of(normed(input));
    return spec.layerScale ? multiply(output, parameter(`ls${index}`, [spec.width])) : output;
  };
  const attended = branch(x, value => attention(spec, value, places, parameter), 1);
  const middle = add(x, attended);
  const transformed = branch(middle, value => mlp(spec, value, parameter), 2);
  return {attention: attended, mlp: transformed, stream: add(middle, transformed)};
}

function norm(spec: Spec, x: Value, parameter: TakeParameter, name: string): Value {
  const width = x.shape.at(-1)!;
  const gain = parameter(`${name}.weight`, [width]);
  if (spec.rootMeanSquare) return rmsNorm(x, gain, spec.epsilon);
  return layerNorm(x, gain, parameter(`${name}.bias`, [width]), spec.epsilon);
}

function project(x: Value, out: number, parameter: TakeParameter, name: string, bias = true): Value {
  const weight = parameter(`${name}.weight`, [out, x.shape.at(-1)!]);
  return linear(x, weight, bias ? parameter(`${name}.bias`, [out]) : null);
}

function attention(spec: Spec, x: Value, {shared, turn}: Places, parameter: TakeParameter): Value {
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
  const turned = (value: Value) => (turn ? turn(value) : value);
  const scores = matmul(turned(split('q', biases.query)), turned(split('k', biases.key)), {
    transB: true,
    factor,
  });
  const probabilities = softmax(own ? add(scores, own) : scores);
  const mixed = matmul(probabilities, split('v', biases.value));
  const joined = reshape(transpose(mixed, [0, 2, 1, 3]), [n, t, d]);
  const scaled = spec.innerNorm === 'attention and mlp' ? norm(spec, joined, parameter, 'attn.norm') : joined;
  return project(scaled, d, parameter, 'attn.proj', biases.projection ?? true);
}

function mlp(spec: Spec, x: Value, parameter: TakeParameter): Value {
  const bias = spec.biases.mlp ?? true;
  const widened = (name: string) => project(x, spec.hidden, parameter, `mlp.${name}`, bias);
  const activate = activations[spec.activation];
  const inner = spec.gated ? multiply(activate(widened('gate')), widened('up')) : activate(widened('fc1'));
  const scaled = spec.innerNorm ? norm(spec, inner, parameter, 'mlp.norm') : inner;
  return project(scaled, spec.width, parameter, spec.gated ? 'mlp.down' : 'mlp.fc2', bias);
}

/** The layer `norm`. */
function readout(spec: Spec, x: Value, parameter: TakeParameter): Value {
  const [n, , d] = x.shape as [number, number, number];
  const flat = (value: Value) => reshape(value, [n, d]);
  const normed = (value: Value) => (spec.unnormed ? value : norm(spec, value, parameter, 'norm'));
  const ofPatches = (value: Value) => mean(slice(value, 1, prefixTokens(spec), endOfPatches(spec)), [1]);
  return {
    class: () => flat(normed(slice(x, 1, 0, 1))),
    mean: () => flat(mean(normed(x), [1])),
    'mean of patches': () => flat(ofPatches(normed(x))),
    'norm of mean': () => flat(normed(ofPatches(x))),
  }[spec.readout]();
}

function classify(spec: Spec, x: Value, read: Value, parameter: TakeParameter, classes: number): Value {
  const [n, , d] = x.shape as [number, number, number];
  const head = (value: Value, name = 'head') => project(value, classes, parameter, name);
  const patches = slice(x, 1, prefixTokens(spec), endOfPatches(spec));
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
