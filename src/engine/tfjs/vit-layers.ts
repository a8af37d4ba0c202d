import {attention} from './attention.js';
import {gelu} from './gelu.js';
import {layerNorm} from './layer-norm.js';
import {linear} from './linear.js';
import type {Tensor, Tf} from './tf.js';
import {blockNames} from '../architectures/network.js';
import {type Spec, patchGrid} from '../architectures/spec.js';
import {type VitWeight, layerShape, vitWeights} from './vit-weights.js';

type Layer = InstanceType<Tf['layers']['Layer']>;
type LayerArgs = ConstructorParameters<Tf['layers']['Layer']>[0];
type Kwargs = Parameters<Layer['call']>[1];
type Shape = (number | null)[];

/**
 * JSON as a layer's config can hold it: TensorFlow.js rewrites the case of every key and every string in its own format,
 * but for a string under the key `name`.
 */
export interface Json {
  name: string;
}

/** What `pixels` needs besides its name; `source` is what the model remembers of its folder. */
export interface PixelsArgs {
  mean: number[];
  std: number[];
  source: Json;
}

/** What every other layer needs: the network's `Spec`. */
export interface SpecArgs {
  spec: Json;
}

/** Constructors of the ViT's layers, made with the user's own TensorFlow.js. */
export interface VitLayers {
  /** Clamps pixels to [0, 1] and normalises them: (n, H, W, C). */
  pixels(args: LayerArgs & PixelsArgs): Layer;
  /** Class token, patches and positions: (n, H, W, C) → (n, T, D). */
  embeddings(args: LayerArgs & SpecArgs): Layer;
  /** Pre-norm transformer block: (n, T, D) → (n, T, D). */
  block(args: LayerArgs & SpecArgs): Layer;
  /** Final norm of the class token, the only one that a head sees: (n, T, D) → (n, D). */
  norm(args: LayerArgs & SpecArgs): Layer;
}

/** A call option of our layers: their weights are constants of this call, so a gradient of the input costs no gradient of weights. */
export const FROZEN = 'frozen';

/** A call option of a block: 'attention' or 'mlp' for what that branch adds to the residual stream, instead of the stream. */
export const BRANCH = 'branch';

const [FIRST_BLOCK = ''] = blockNames(1);

const made = new WeakMap<Tf, VitLayers>();

/** The ViT's layers for this TensorFlow.js, registered with it once so that its own model format can hold them. */
export function vitLayers(tf: Tf): VitLayers {
  let layers = made.get(tf);
  if (!layers) made.set(tf, (layers = define(tf)));
  return layers;
}

function define(tf: Tf): VitLayers {
  class VitPixels extends tf.layers.Layer {
    static className = 'VitPixels';
    constructor(private readonly args: LayerArgs & PixelsArgs) {
      super(args);
    }
    override call(inputs: Tensor | Tensor[]): Tensor {
      return tf.tidy(() => {
        const {mean, std} = this.args;
        return tf.div(tf.sub(tf.clipByValue(only(inputs), 0, 1), mean), std);
      });
    }
    override computeOutputShape(shape: Shape): Shape {
      return shape;
    }
    override getConfig() {
      const {mean, std, source} = this.args;
      return {...super.getConfig(), mean, std, source: {...source}};
    }
  }

  /** A layer that owns the weights which the network has for it. */
  abstract class VitLayer extends tf.layers.Layer {
    protected readonly spec: Spec;
    private table: VitWeight[] = [];
    constructor(args: LayerArgs & SpecArgs) {
      super(args);
      this.spec = JSON.parse(args.spec.name) as Spec;
    }
    override build(): void {
      this.table = vitWeights(this.spec).filter(({layer}) => layer === this.kind);
      for (const weight of this.table) {
        this.addWeight(
          weight.part.replaceAll('.', '_'),
          layerShape(weight),
          'float32',
          tf.initializers.zeros(),
        );
      }
      this.built = true;
    }
    override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
      return tf.tidy(() => {
        const weights = new Map(this.table.map(({part}, index) => [part, this.weights[index]!.read()]));
        return this.forward(only(inputs), part => weights.get(part)!, kwargs);
      });
    }
    override getConfig() {
      return {...super.getConfig(), spec: {name: JSON.stringify(this.spec)}};
    }
    /** The layer whose weights this one has alike; all blocks are. */
    protected abstract readonly kind: string;
    protected abstract forward(x: Tensor, weight: (part: string) => Tensor, options: Kwargs): Tensor;
  }

  class VitEmbeddings extends VitLayer {
    static className = 'VitEmbeddings';
    protected readonly kind = 'embeddings';
    protected forward(x: Tensor, weight: (part: string) => Tensor, options: Kwargs) {
      const frozen = options[FROZEN] === true;
      const {patch, channels, width} = this.spec;
      const {rows, columns} = patchGrid(this.spec);
      const batch = x.shape[0];
      const strips = tf.reshape(x, [batch * rows, patch, columns, patch * channels]);
      const patches = tf.reshape(tf.transpose(strips, [0, 2, 1, 3]), [batch * rows * columns, -1]);
      const [kernel, bias] = [weight('patch_embed.weight'), weight('patch_embed.bias')];
      const tokens = tf.reshape(linear(tf, patches, {kernel, bias, frozen}), [batch, rows * columns, width]);
      // Padding and adding, as the gradient of a concatenation slices, which copies whole tensors on wasm.
      const padded = tf.pad(tokens, [
        [0, 0],
        [1, 0],
        [0, 0],
      ]);
      const first = tf.pad(tf.reshape(weight('cls_token'), [1, width]), [
        [0, rows * columns],
        [0, 0],
      ]);
      return tf.add(padded, tf.add(weight('pos_embed'), first));
    }
    override computeOutputShape([batch]: Shape): Shape {
      const {rows, columns} = patchGrid(this.spec);
      return [batch ?? null, rows * columns + 1, this.spec.width];
    }
  }

  class VitBlock extends VitLayer {
    static className = 'VitBlock';
    protected readonly kind = FIRST_BLOCK;
    protected forward(x: Tensor, weight: (part: string) => Tensor, options: Kwargs) {
      const frozen = options[FROZEN] === true;
      const [batch, tokens, width] = x.shape as [number, number, number];
      const {epsilon, heads, biases} = this.spec;
      const norm = (y: Tensor, name: string) =>
        layerNorm(tf, y, {gamma: weight(`${name}.weight`), beta: weight(`${name}.bias`), epsilon});
      const dense = (y: Tensor, name: string, biased = true) =>
        linear(tf, y, {
          kernel: weight(`${name}.weight`),
          bias: biased ? weight(`${name}.bias`) : null,
          frozen,
        });

      const stream = tf.reshape(x, [batch * tokens, width]);
      const a = norm(stream, 'norm1');
      const q = dense(a, 'attn.q', biases.query);
      const k = dense(a, 'attn.k', biases.key);
      const v = dense(a, 'attn.v', biases.value);
      const shaped = (y: Tensor) => tf.reshape(y, [batch, tokens, width]);
      const attended = dense(attention(tf, {q, k, v, batch, heads}), 'attn.proj');
      if (options[BRANCH] === 'attention') return shaped(attended);
      const middle = tf.add(stream, attended);
      const transformed = dense(gelu(tf, dense(norm(middle, 'norm2'), 'mlp.fc1')), 'mlp.fc2');
      return shaped(options[BRANCH] === 'mlp' ? transformed : tf.add(middle, transformed));
    }
    override computeOutputShape(shape: Shape): Shape {
      return shape;
    }
  }

  class VitNorm extends VitLayer {
    static className = 'VitNorm';
    protected readonly kind = 'norm';
    protected forward(x: Tensor, weight: (part: string) => Tensor) {
      const [batch, , width] = x.shape as [number, number, number];
      const cls = tf.reshape(tf.slice(x, [0, 0, 0], [batch, 1, width]), [batch, width]);
      const {epsilon} = this.spec;
      return layerNorm(tf, cls, {gamma: weight('norm.weight'), beta: weight('norm.bias'), epsilon});
    }
    override computeOutputShape([batch]: Shape): Shape {
      return [batch ?? null, this.spec.width];
    }
  }

  for (const layer of [VitPixels, VitEmbeddings, VitBlock, VitNorm]) tf.serialization.registerClass(layer);
  return {
    pixels: args => new VitPixels(args),
    embeddings: args => new VitEmbeddings(args),
    block: args => new VitBlock(args),
    norm: args => new VitNorm(args),
  };
}

function only(inputs: Tensor | Tensor[]): Tensor {
  return Array.isArray(inputs) ? inputs[0]! : inputs;
}
