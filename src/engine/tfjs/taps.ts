import {InvarianceError} from '../../errors.js';
import type {LayerName, Pooling} from '../../types.js';
import type {Layer, LayersModel, SymbolicTensor, Tensor, Tf} from './tf.js';
import {BRANCH} from './vit-layers.js';

/**
 * Reads layers of a live model: each set of layers is a model of its own over the same layers, which runs nothing above
 * the deepest of them. Such a model owns no tensor; to dispose of it would dispose of the user's layers.
 */
export class Taps {
  readonly #tf: Tf;
  readonly #model: LayersModel;
  readonly #pooling: Pooling;
  /** Tokens before the patches, which a mean leaves out. */
  readonly #prefix: number;
  readonly #models = new Map<string, LayersModel>();

  constructor({
    tf,
    model,
    pooling,
    prefix = 0,
  }: {
    tf: Tf;
    model: LayersModel;
    pooling: Pooling;
    prefix?: number;
  }) {
    // A Sequential has no graph before its first use.
    if (!model.built) model.build(model.inputs[0]!.shape);
    this.#tf = tf;
    // A Sequential that begins with a model lists that model, but its graph runs through the layers inside.
    this.#model =
      model.getClassName() === 'Sequential'
        ? tf.model({inputs: model.inputs, outputs: model.outputs})
        : model;
    this.#pooling = pooling;
    this.#prefix = prefix;
  }

  /** Layers that can be read: all with one output tensor, shallow to deep, without the inputs. */
  names(): LayerName[] {
    return this.#model.layers
      .filter(layer => layer.getClassName() !== 'InputLayer' && this.#output(layer.name) !== undefined)
      .map(({name}) => name);
  }

  layer(name: LayerName): Layer {
    return this.#model.getLayer(name);
  }

  /** The layer's output without its batch axis; a branch of a block has the block's. */
  shape(name: LayerName): number[] {
    const [, ...shape] = this.#output(this.#branch(name)?.block ?? name)!.shape;
    if (shape.every(size => size !== null)) return shape;
    throw new InvarianceError(
      'bad_model',
      `the output of layer ${name} has no fixed shape ([${shape.join(', ')}]); build the model for images of one size`,
    );
  }

  /** Numbers of one image's row of features. */
  width(name: LayerName): number {
    const shape = this.shape(name);
    if (shape.length === 2 && this.#pooling !== 'tokens') return shape[1]!;
    return shape.reduce((product, size) => product * size, 1);
  }

  /** The part of the model that the named layers need, each output once: TensorFlow.js gives a second one no value. */
  model(names: readonly LayerName[]): LayersModel {
    const key = names.join('\n');
    let tapped = this.#models.get(key);
    if (!tapped) {
      const outputs = [...new Set(names.map(name => this.#source(name)))];
      this.#models.set(key, (tapped = this.#tf.model({inputs: this.#model.inputs, outputs})));
    }
    return tapped;
  }

  /** One row an image of each named layer: (n, width). Options go to every layer's `call`. */
  run(input: Tensor, names: readonly LayerName[], options: Record<string, unknown> = {}): Tensor[] {
    const model = this.model(names);
    const outputs = [model.apply(input, {training: false, ...options}) as Tensor | Tensor[]].flat();
    return names.map(name => {
      const output = outputs[model.outputs.indexOf(this.#source(name))]!;
      const branch = this.#branch(name);
      if (branch === null) return this.#flat(output);
      const block = this.#model.getLayer(branch.block);
      return this.#flat(block.call(output, {...options, [BRANCH]: branch.name}) as Tensor);
    });
  }

  /** The output that a layer is read from: its own, or for a branch what goes into its block. */
  #source(name: LayerName): SymbolicTensor {
    return this.#branch(name)?.input ?? this.#output(name)!;
  }

  /** What `block_03/attention` is made of: the block, what goes into it, and which of its branches. */
  #branch(name: LayerName): {block: LayerName; input: SymbolicTensor; name: string} | null {
    if (this.#model.layers.some(layer => layer.name === name)) return null;
    const [block = '', branch = ''] = name.split('/');
    return {block, input: this.#model.getLayer(block).input as SymbolicTensor, name: branch};
  }

  #flat(output: Tensor): Tensor {
    const [n = 0, t = 0, d = 0] = output.shape;
    if (output.rank !== 3 || this.#pooling === 'tokens') return this.#tf.reshape(output, [n, -1]);
    if (this.#pooling === 'mean') {
      const patches = this.#tf.slice(output, [0, this.#prefix, 0], [n, t - this.#prefix, d]);
      return this.#tf.mean(patches, 1);
    }
    return this.#tf.reshape(this.#tf.slice(output, [0, 0, 0], [n, Math.min(t, 1), d]), [n, d]);
  }

  /** A layer may stand in other models too; the node that belongs to this one is its. */
  #output(name: LayerName): SymbolicTensor | undefined {
    const layer = this.#model.getLayer(name);
    for (let node = 0; node < layer.inboundNodes.length; node++) {
      if (!this.#model.containerNodes.has(`${name}_ib-${node}`)) continue;
      const output = layer.getOutputAt(node);
      return Array.isArray(output) ? undefined : output;
    }
    return undefined;
  }
}
