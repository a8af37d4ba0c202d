import {beforeAll, describe, expect, it} from 'vitest';
import * as ops from '../../../src/engine/onnx/ops.js';
import {Tape, type Value} from '../../../src/engine/onnx/tape.js';
import {openRuntime, type Runtime} from '../../../src/engine/ort/runtime.js';
import {readTensors, relativeDifference} from '../tensors.js';

type Op = (a: Value, b: Value) => Value;

const ramp = (from: number, to: number, count: number) =>
  Float32Array.from({length: count}, (_, i) => from + ((to - from) * i) / (count - 1));
const along = (x: Value, shape: readonly number[], data: Float32Array) => ops.tensor(x.tape, shape, data);

/** The same operations as in scripts/op-fixtures.py. */
const operations: Record<string, Op> = {
  add: ops.add,
  subtract: ops.subtract,
  multiply: ops.multiply,
  divide: (a, b) => ops.divide(a, ops.add(b, along(b, [1], Float32Array.of(3)))),
  scale: a => ops.scale(a, -2.5),
  sum: a => ops.sum(a, [0, 2]),
  mean: a => ops.mean(a, [-1]),
  expand: a => ops.expand(a, [2, 3, 4]),
  reshape: a => ops.reshape(a, [4, 6]),
  transpose: a => ops.transpose(a, [2, 0, 1]),
  slice: a => ops.slice(a, 2, 1, 3),
  concat: (a, b) => ops.concat([a, b], 1),
  matmul: (a, b) => ops.matmul(a, b),
  matmulTransA: (a, b) => ops.matmul(a, b, {transA: true, factor: 0.5}),
  matmulTransB: (a, b) => ops.matmul(a, b, {transB: true, factor: 0.5}),
  matmulTransAB: (a, b) => ops.matmul(a, b, {transA: true, transB: true, factor: 0.5}),
  linear: a => ops.linear(a, along(a, [5, 4], ramp(-1, 1, 20)), along(a, [5], new Float32Array(5).fill(1))),
  layerNorm: a => ops.layerNorm(a, along(a, [4], ramp(0.5, 2, 4)), along(a, [4], ramp(-1, 1, 4)), 1e-3),
  softmax: ops.softmax,
  rmsNorm: a => ops.rmsNorm(a, along(a, [4], ramp(0.5, 2, 4)), 1e-3),
  sigmoid: ops.sigmoid,
  tanh: ops.tanh,
  gelu: ops.gelu,
  geluTanh: ops.geluTanh,
  quickGelu: ops.quickGelu,
  silu: ops.silu,
  relu: ops.relu,
  clamp: a => ops.clamp(a, -0.5, 0.5),
  norm: ops.norm,
};

describe.each(Object.keys(operations))('%s', name => {
  let runtime: Runtime;
  let tensors: Awaited<ReturnType<typeof readTensors>>;
  beforeAll(async () => {
    runtime = await openRuntime({threads: 1});
    tensors = await readTensors('test/fixtures/ops.safetensors');
  });

  it("has PyTorch's value and vector-Jacobian product", async () => {
    const tape = new Tape();
    const given = ['a', 'b'].filter(letter => tensors.has(`${name}.${letter}`));
    const variables = given.map(letter => tape.variable(letter, tensors.get(`${name}.${letter}`)!.shape));
    const y = operations[name]!(variables[0]!, variables[1]!);
    const weights = tensors.get(`${name}.weights`)!;
    expect(y.shape).toEqual(weights.shape);
    const weighted = ops.multiply(y, ops.tensor(tape, weights.shape, weights.data));
    const gradients = given.map(
      (letter, i) => [`d${letter}`, tape.gradient(weighted, variables[i]!)] as const,
    );
    const {bytes, inputs} = tape.model({y, ...Object.fromEntries(gradients)});
    const session = await runtime.session(bytes);
    const feeds = inputs.map(({name: letter, shape}) => {
      const {data} = tensors.get(`${name}.${letter}`)!;
      return [letter, new runtime.ort.Tensor('float32', data, shape)] as const;
    });
    const results = await session.run(Object.fromEntries(feeds));
    for (const result of ['y', ...gradients.map(([letter]) => letter)]) {
      const expected = tensors.get(`${name}.${result}`)!;
      expect(results[result]!.dims).toEqual(expected.shape);
      expect(relativeDifference(results[result]!.data as Float32Array, expected.data), result).toBeLessThan(
        2e-6,
      );
    }
    await session.release();
  });
});

describe('a tape', () => {
  it('leaves out of a model what no output needs', () => {
    const tape = new Tape();
    const [x, used, unused] = ['x', 'used', 'unused'].map(name => tape.input(name, [2])) as [
      Value,
      Value,
      Value,
    ];
    const near = ops.add(x, used);
    const far = ops.multiply(near, unused);
    expect(tape.inputsOf([near]).map(({name}) => name)).toEqual(['x', 'used']);
    expect(tape.inputsOf([far]).map(({name}) => name)).toEqual(['x', 'used', 'unused']);
    expect(tape.model({near}).bytes.length).toBeLessThan(tape.model({far}).bytes.length);
  });

  it('gives a zero gradient for a variable that the value does not depend on', async () => {
    const tape = new Tape();
    const [x, other] = [tape.variable('x', [2]), tape.variable('other', [3])];
    const {bytes} = tape.model({gradient: tape.gradient(ops.tanh(x), other)});
    const session = await (await openRuntime({threads: 1})).session(bytes);
    expect((await session.run({}))['gradient']!.data).toEqual(new Float32Array(3));
    await session.release();
  });
});
