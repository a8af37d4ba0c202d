import * as tf from '@tensorflow/tfjs';

const conv = (name: string, seed: number) =>
  tf.layers.conv2d({
    name,
    filters: 3,
    kernelSize: 3,
    padding: 'same',
    kernelInitializer: tf.initializers.heNormal({seed}),
    biasInitializer: tf.initializers.constant({value: seed}),
  });

/** Two convolutions and batch normalisation. */
export const body = (name: string, seed: number) => {
  const input = tf.input({shape: [8, 8, 3]});
  const normed = tf.layers.batchNormalization({name: 'bn'}).apply(conv('conv', seed).apply(input));
  return tf.model({name, inputs: input, outputs: conv('last', seed + 1).apply(normed) as tf.SymbolicTensor});
};

const head = () => [
  tf.layers.flatten({name: 'flat'}),
  tf.layers.dense({name: 'head', units: 2, kernelInitializer: tf.initializers.glorotNormal({seed: 5})}),
];

const wrapped = (...inner: tf.layers.Layer[]) => {
  const input = tf.input({shape: [8, 8, 3]});
  const output = [...inner, ...head()].reduce((x, layer) => layer.apply(x) as tf.SymbolicTensor, input);
  return tf.model({inputs: input, outputs: output});
};

const inside = (name: string, ...inner: tf.layers.Layer[]) => {
  const input = tf.input({shape: [8, 8, 3]});
  const output = inner.reduce((x, layer) => layer.apply(x) as tf.SymbolicTensor, input);
  return tf.model({name, inputs: input, outputs: output});
};

/** Models of 8 × 8 images that hold a backbone in one way or another, all drawn by seed. */
export const models: Record<string, () => tf.LayersModel> = {
  'a functional model around a backbone': () => wrapped(body('base', 1)),
  'a Sequential that begins with a backbone': () => tf.sequential({layers: [body('base', 1), ...head()]}),
  'a model in a model in a model': () => wrapped(inside('outer', body('base', 1))),
  'two inner models whose layers have the same names': () =>
    wrapped(inside('outer', body('left', 1), body('right', 11))),
  'two inner models of one name, twice nested': () =>
    wrapped(inside('one', body('base', 1)), inside('two', body('base', 11))),
  'a backbone that stands twice': () => {
    const base = body('base', 1);
    return wrapped(inside('outer', base), base);
  },
  'a frozen backbone': () => {
    const base = body('base', 1);
    base.trainable = false;
    return wrapped(base);
  },
  'a backbone frozen in part': () => {
    const base = body('base', 1);
    base.getLayer('conv').trainable = false;
    return tf.sequential({layers: [base, ...head()]});
  },
};

/** Every variable of a model, each once, with its numbers. */
export const numbers = (model: tf.LayersModel) =>
  model.getWeights().map(tensor => Array.from(tensor.dataSync()));
