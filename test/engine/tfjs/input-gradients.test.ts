import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {openTfjsEngine} from '../../../src/engine/tfjs/open-tfjs-engine.js';
import {forInputGradients} from '../../../src/engine/tfjs/for-input-gradients.js';
import {seededRandom} from '../../../src/random.js';

type Layer = tf.layers.Layer;
type Case = {shape?: number[]; make: () => Layer};

const L = tf.layers;
const seeded = tf.initializers.randomNormal({stddev: 0.5, seed: 1});
const kernel = {kernelInitializer: seeded};
const channels = {depthwiseInitializer: seeded, pointwiseInitializer: seeded};
const line = [7, 3];
const cube = [4, 4, 4, 2];

/** Every layer kind through which pixels can flow, in the forms that differ by their kernels. */
const cases: Record<string, Case | Case[]> = {
  activation: [
    'relu',
    'relu6',
    'elu',
    'selu',
    'sigmoid',
    'hardSigmoid',
    'softplus',
    'softsign',
    'tanh',
    'softmax',
    'linear',
    'swish',
    'mish',
    'gelu',
    'gelu_new',
  ].map(activation => ({make: () => L.activation({activation: activation as 'relu'})})),
  averagePooling1d: [
    {shape: line, make: () => L.averagePooling1d({poolSize: 2})},
    {shape: line, make: () => L.averagePooling1d({poolSize: 3, strides: 2, padding: 'same'})},
  ],
  averagePooling2d: [
    {make: () => L.averagePooling2d({poolSize: 2})},
    {make: () => L.averagePooling2d({poolSize: 3, strides: 2, padding: 'same'})},
    {make: () => L.averagePooling2d({poolSize: [2, 3], strides: 1, padding: 'same'})},
  ],
  averagePooling3d: [
    {shape: cube, make: () => L.averagePooling3d({poolSize: 2})},
    {shape: cube, make: () => L.averagePooling3d({poolSize: 3, strides: 2, padding: 'same'})},
  ],
  batchNormalization: {
    make: () => L.batchNormalization({gammaInitializer: seeded, movingMeanInitializer: seeded}),
  },
  centerCrop: {make: () => L.centerCrop({height: 3, width: 4})},
  conv1d: {shape: line, make: () => L.conv1d({filters: 2, kernelSize: 3, padding: 'same', ...kernel})},
  conv2d: [
    {make: () => L.conv2d({filters: 4, kernelSize: 3, ...kernel})},
    {
      make: () =>
        L.conv2d({filters: 4, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu', ...kernel}),
    },
    {make: () => L.conv2d({filters: 4, kernelSize: [1, 2], ...kernel})},
    {make: () => L.conv2d({filters: 4, kernelSize: 2, dilationRate: 2, ...kernel})},
  ],
  conv2dTranspose: [
    {make: () => L.conv2dTranspose({filters: 2, kernelSize: 3, strides: 2, padding: 'same', ...kernel})},
    {make: () => L.conv2dTranspose({filters: 2, kernelSize: 2, ...kernel})},
  ],
  conv3d: {shape: cube, make: () => L.conv3d({filters: 2, kernelSize: 2, ...kernel})},
  conv3dTranspose: {shape: cube, make: () => L.conv3dTranspose({filters: 2, kernelSize: 2, ...kernel})},
  cropping2D: {
    make: () =>
      L.cropping2D({
        cropping: [
          [1, 2],
          [0, 1],
        ],
      }),
  },
  dense: {make: () => L.dense({units: 4, activation: 'tanh', ...kernel})},
  depthwiseConv2d: [
    {make: () => L.depthwiseConv2d({kernelSize: 3, padding: 'same', depthwiseInitializer: seeded})},
    {
      make: () =>
        L.depthwiseConv2d({
          kernelSize: [2, 3],
          strides: [2, 2],
          depthMultiplier: 2,
          depthwiseInitializer: seeded,
        }),
    },
    {
      make: () =>
        L.depthwiseConv2d({kernelSize: 3, strides: [2, 2], padding: 'same', depthwiseInitializer: seeded}),
    },
  ],
  dropout: {make: () => L.dropout({rate: 0.5})},
  elu: {make: () => L.elu()},
  flatten: {make: () => L.flatten()},
  gaussianDropout: {make: () => L.gaussianDropout({rate: 0.5})},
  gaussianNoise: {make: () => L.gaussianNoise({stddev: 1})},
  alphaDropout: {make: () => L.alphaDropout({rate: 0.5})},
  globalAveragePooling1d: {shape: line, make: () => L.globalAveragePooling1d({})},
  globalAveragePooling2d: {make: () => L.globalAveragePooling2d({})},
  globalMaxPooling1d: {shape: line, make: () => L.globalMaxPooling1d({})},
  globalMaxPooling2d: {make: () => L.globalMaxPooling2d({})},
  layerNormalization: {make: () => L.layerNormalization({gammaInitializer: seeded})},
  leakyReLU: {make: () => L.leakyReLU()},
  maxPooling1d: {shape: line, make: () => L.maxPooling1d({poolSize: 2})},
  maxPooling2d: [
    {make: () => L.maxPooling2d({poolSize: 2})},
    {make: () => L.maxPooling2d({poolSize: 3, strides: 2, padding: 'same'})},
  ],
  maxPooling3d: {shape: cube, make: () => L.maxPooling3d({poolSize: 2})},
  permute: {make: () => L.permute({dims: [2, 3, 1]})},
  prelu: {make: () => L.prelu({alphaInitializer: seeded})},
  reLU: [{make: () => L.reLU()}, {make: () => L.reLU({maxValue: 0.5})}],
  repeatVector: {shape: [5], make: () => L.repeatVector({n: 3})},
  rescaling: {make: () => L.rescaling({scale: 2, offset: -1})},
  reshape: {make: () => L.reshape({targetShape: [36, 3]})},
  resizing: [
    {make: () => L.resizing({height: 4, width: 9})},
    {make: () => L.resizing({height: 9, width: 4, interpolation: 'nearest'})},
  ],
  separableConv2d: [
    {make: () => L.separableConv2d({filters: 4, kernelSize: 3, ...channels})},
    {
      make: () =>
        L.separableConv2d({filters: 4, kernelSize: 3, strides: [2, 2], padding: 'same', ...channels}),
    },
  ],
  softmax: {make: () => L.softmax({axis: -1})},
  spatialDropout1d: {shape: line, make: () => L.spatialDropout1d({rate: 0.5})},
  thresholdedReLU: {make: () => L.thresholdedReLU({theta: 0.1})},
  timeDistributed: {make: () => L.timeDistributed({layer: L.dense({units: 2, ...kernel})})},
  upSampling2d: [
    {make: () => L.upSampling2d({size: [2, 2]})},
    {make: () => L.upSampling2d({size: [3, 2], interpolation: 'bilinear'})},
  ],
  zeroPadding2d: {make: () => L.zeroPadding2d({padding: [1, 2]})},
  simpleRNN: {shape: line, make: () => L.simpleRNN({units: 3, ...kernel, recurrentInitializer: seeded})},
  gru: {shape: line, make: () => L.gru({units: 3, ...kernel, recurrentInitializer: seeded})},
  lstm: {shape: line, make: () => L.lstm({units: 3, ...kernel, recurrentInitializer: seeded})},
};

/** Of these TensorFlow.js has no gradient, or a wrong one: a model that has one is refused. */
const refused: Record<string, readonly string[]> = {
  cpu: ['averagePooling3d (2)', 'centerCrop (1)', 'conv2d (4)', 'conv3dTranspose (1)', 'thresholdedReLU (1)'],
  wasm: [
    ...['averagePooling3d (2)', 'centerCrop (1)', 'conv2d (4)', 'conv3d (1)', 'conv3dTranspose (1)'],
    'thresholdedReLU (1)',
  ],
};

/** Layers of several inputs: of the pixels and twice the pixels. */
const merging: Record<string, () => Layer> = {
  add: () => L.add(),
  average: () => L.average(),
  concatenate: () => L.concatenate(),
  maximum: () => L.maximum(),
  minimum: () => L.minimum(),
  multiply: () => L.multiply(),
};

/** What is no layer for images, another name of one above, or only trained with. */
const others = [
  ...[
    'Layer',
    'RNN',
    'RNNCell',
    'input',
    'inputLayer',
    'rnn',
    'gruCell',
    'lstmCell',
    'simpleRNNCell',
    'stackedRNNCells',
  ],
  ...['avgPool1d', 'avgPool2d', 'avgPool3d', 'avgPooling1d', 'avgPooling2d', 'avgPooling3d'],
  ...['globalMaxPool1d', 'globalMaxPool2d', 'maxPool1d', 'maxPool2d'],
  ...[
    'bidirectional',
    'categoryEncoding',
    'convLstm2d',
    'convLstm2dCell',
    'dot',
    'embedding',
    'masking',
    'randomWidth',
  ],
];

describe('the gradient with respect to the pixels', () => {
  it('is checked for images of the usual size too', async () => {
    await tf.setBackend('cpu');
    const image = tf.input({shape: [224, 224, 3]});
    const output = L.conv2d({filters: 2, kernelSize: 16, strides: 16, name: 'seen', ...kernel}).apply(image);
    const model = tf.model({inputs: image, outputs: output as tf.SymbolicTensor});
    const engine = await openTfjsEngine({tf: tf, model: model, layers: ['seen']});
    expect(engine.layers).toEqual(['seen']);
    model.dispose();
  });

  it('is tried through every kind of layer that TensorFlow.js has', () => {
    const tried = [...Object.keys(cases), ...Object.keys(merging), ...others];
    expect(tried.toSorted()).toEqual(Object.keys(tf.layers).toSorted());
  });

  describe.each(['cpu', 'wasm'])('on %s is the slope, by finite differences, of', backend => {
    beforeAll(() => tf.setBackend(backend));
    afterAll(() => tf.setBackend('cpu'));

    const every = [
      ...Object.entries(cases).flatMap(([name, of]) =>
        [of].flat().map(({shape = [6, 6, 3], make}, i) => [`${name} (${i + 1})`, shape, make] as const),
      ),
      ...Object.entries(merging).map(([name, make]) => [name, [6, 6, 3] as number[], make] as const),
    ];
    it.each(every.filter(([name]) => !refused[backend]!.includes(name)))('%s', (name, shape, make) => {
      const layer = make();
      const run = (x: tf.Tensor) => {
        const inputs = name in merging ? [x, tf.mul(tf.reverse(x, 1), 2)] : x;
        return layer.apply(inputs, {training: false}) as tf.Tensor;
      };
      tf.tidy(() => {
        const random = seededRandom(3);
        const draw = (like: number[], of: () => number) =>
          tf.tensor(Float32Array.from({length: like.reduce((a, b) => a * b, 1)}, of), like);
        // Away from zero, where activations have their corners.
        const x = draw(
          [2, ...shape],
          () => (random.uniform() < 0.5 ? -1 : 1) * (0.2 + 0.7 * random.uniform()),
        );
        const weights = draw(run(x).shape, () => random.normal());
        const value = (at: tf.Tensor) => tf.sum<tf.Scalar>(tf.mul(run(at), weights));
        const gradient = forInputGradients(tf as never, () => tf.grad(value)(x));
        for (let i = 0; i < 3; i++) {
          const direction = draw(x.shape, () => random.normal());
          const step = 1e-3;
          const moved = (by: number) => value(tf.add(x, tf.mul(direction, by))).dataSync()[0]!;
          const slope = (moved(step) - moved(-step)) / (2 * step);
          const own = tf.sum(tf.mul(gradient, direction)).dataSync()[0]!;
          const size = Math.max(Math.abs(slope), tf.norm(gradient).dataSync()[0]!);
          expect(Math.abs(own - slope) / size).toBeLessThan(0.05);
        }
      });
      layer.dispose();
    });

    it.each(every.filter(([name]) => refused[backend]!.includes(name)))(
      'not %s, which is refused when the engine is opened',
      async (_, shape, make) => {
        const size = shape.reduce((a, b) => a * b, 1);
        const image = tf.input({shape: [6, 6, 3]});
        const chain = [
          L.flatten(),
          L.dense({units: size, kernelInitializer: seeded}),
          L.reshape({targetShape: shape}),
          Object.assign(make(), {name: 'seen'}),
        ];
        const output = chain.reduce((x, layer) => layer.apply(x) as tf.SymbolicTensor, image);
        const model = tf.model({inputs: image, outputs: output});
        await expect(openTfjsEngine({tf: tf, model: model, layers: ['seen']})).rejects.toMatchObject({
          code: 'bad_model',
          message: expect.stringMatching(
            new RegExp(
              `gradient of seen .*(cannot take|computes wrongly).* backend ${backend}; use @tensorflow/tfjs-node`,
            ),
          ),
        });
        model.dispose();
      },
    );
  });
});
