import {attention} from './attention.js';
import {gelu} from './gelu.js';
import {layerNorm} from './layer-norm.js';
import {linear} from './linear.js';
import type {Tensor, Tf} from './tf.js';
import {type VitConfig, blockName, tokensOf} from './vit-config.js';
import {layerShape, vitWeights} from './vit-weights.js';

type Layer = InstanceType<Tf['layers']['Layer']>;
type LayerArgs = ConstructorParameters<Tf['layers']['Layer']>[0];
type Shape = (number | null)[];

/** What `pixels` needs besides its name. `source` carries the folder's JSON through TensorFlow.js's own format. */
export interface PixelsArgs {
  mean: number[];
  std: number[];
  /** Under the key `name`, the only one whose string value TensorFlow.js does not rewrite to another case. */
  source: {name: string};
}

/** Constructors of the ViT's layers, made with the user's own TensorFlow.js. */
export interface VitLayers {
  /** Clamps pixels to [0, 1] and normalises them: (n, H, W, C). */
  pixels(args: LayerArgs & PixelsArgs): Layer;
  /** Class token, patches and positions: (n, H, W, C) → (n, T, D). */
  embeddings(args: LayerArgs & {vit: VitConfig}): Layer;
  /** Pre-norm transformer block: (n, T, D) → (n, T, D). */
  block(args: LayerArgs & {vit: VitConfig}): Layer;
  /** Final norm of the class token, the only one that a head sees: (n, T, D) → (n, D). */
  norm(args: LayerArgs & {vit: VitConfig}): Layer;
}

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

  /** A layer that owns the weights which the table names for it. */
  abstract class VitLayer extends tf.layers.Layer {
    protected readonly vit: VitConfig;
    constructor(args: LayerArgs & {vit: VitConfig}) {
      super(args);
      this.vit = args.vit;
    }
    override build(): void {
      for (const weight of this.table()) {
        const initializer =
          weight.initializer === 'truncatedNormal'
            ? tf.initializers.truncatedNormal({stddev: this.vit.initializerRange})
            : tf.initializers[weight.initializer]();
        this.addWeight(weight.name.replaceAll('.', '_'), layerShape(weight), 'float32', initializer);
      }
      this.built = true;
    }
    override call(inputs: Tensor | Tensor[]): Tensor {
      return tf.tidy(() => this.forward(only(inputs), ...this.weights.map(weight => weight.read())));
    }
    override getConfig() {
      return {...super.getConfig(), vit: {...this.vit}};
    }
    /** The layer whose rows of the table describe this one; all blocks are alike. */
    protected abstract readonly part: string;
    /** Weights come in the table's order. */
    protected abstract forward(x: Tensor, ...weights: Tensor[]): Tensor;
    private table() {
      return vitWeights(this.vit).filter(weight => weight.layer === this.part);
    }
  }

  class VitEmbeddings extends VitLayer {
    static className = 'VitEmbeddings';
    protected readonly part = 'embeddings';
    protected forward(x: Tensor, cls: Tensor, positions: Tensor, kernel: Tensor, bias: Tensor) {
      const {imageSize, patchSize, channels, width} = this.vit;
      const grid = imageSize / patchSize;
      const batch = x.shape[0];
      const strips = tf.reshape(x, [batch * grid, patchSize, grid, patchSize * channels]);
      const patches = tf.reshape(tf.transpose(strips, [0, 2, 1, 3]), [batch * grid * grid, -1]);
      const tokens = tf.reshape(linear(tf, patches, kernel, bias), [batch, grid * grid, width]);
      const first = tf.pad(cls, [
        [0, 0],
        [0, grid * grid],
        [0, 0],
      ]);
      const padded = tf.pad(tokens, [
        [0, 0],
        [1, 0],
        [0, 0],
      ]);
      return tf.add(padded, tf.add(positions, first));
    }
    override computeOutputShape([batch]: Shape): Shape {
      return [batch ?? null, tokensOf(this.vit), this.vit.width];
    }
  }

  class VitBlock extends VitLayer {
    static className = 'VitBlock';
    protected readonly part = blockName(0);
    protected forward(x: Tensor, ...weights: Tensor[]) {
      const [batch, tokens, width] = x.shape;
      const next = () => weights.shift()!;
      const {epsilon, heads, qkvBias} = this.vit;
      const norm = (y: Tensor) => layerNorm(tf, y, next(), next(), epsilon);
      const dense = (y: Tensor, biased = true) => linear(tf, y, next(), biased ? next() : null);

      const stream = tf.reshape(x, [batch * tokens, width]);
      const a = norm(stream);
      const [q, k, v] = [dense(a, qkvBias), dense(a, qkvBias), dense(a, qkvBias)];
      const attended = tf.add(stream, dense(attention(tf, {q, k, v, batch, heads})));
      const hidden = gelu(tf, dense(norm(attended)));
      return tf.reshape(tf.add(attended, dense(hidden)), [batch, tokens, width]);
    }
    override computeOutputShape(shape: Shape): Shape {
      return shape;
    }
  }

  class VitNorm extends VitLayer {
    static className = 'VitNorm';
    protected readonly part = 'norm';
    protected forward(x: Tensor, gamma: Tensor, beta: Tensor) {
      const [batch, , width] = x.shape;
      const cls = tf.reshape(tf.slice(x, [0, 0, 0], [batch, 1, width]), [batch, width]);
      return layerNorm(tf, cls, gamma, beta, this.vit.epsilon);
    }
    override computeOutputShape([batch]: Shape): Shape {
      return [batch ?? null, this.vit.width];
    }
  }

  for (const layer of [VitPixels, VitEmbeddings, VitBlock, VitNorm])
    tf.serialization.registerClass(layer as never);
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
