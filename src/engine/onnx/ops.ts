import type {Tape, Value} from './tape.js';

/** Each operation adds its ONNX nodes to the tape of its arguments and brings its vector-Jacobian product. */

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

const same = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((size, i) => size === b[i]);

function integers(tape: Tape, values: readonly number[]): string {
  return tape.constant([values.length], BigInt64Array.from(values, BigInt));
}

function scalar(tape: Tape, value: number): string {
  return tape.constant([], Float32Array.of(value));
}

/** The same numbers, through which no gradient flows. */
const detached = (x: Value): Value => ({...x, active: false});

/** Every element has this value. */
export function constant(tape: Tape, shape: readonly number[], value: number): Value {
  const [name] = tape.node('Expand', [scalar(tape, value), integers(tape, shape)]);
  return {tape, name: name!, shape, active: false};
}

/** A tensor fixed in the graph. */
export function tensor(tape: Tape, shape: readonly number[], data: Float32Array): Value {
  return {tape, name: tape.constant(shape, data), shape, active: false};
}

/** As numpy broadcasts. */
function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const size = (shape: readonly number[], i: number) => shape[i - rank + shape.length] ?? 1;
  return Array.from({length: rank}, (_, i) => Math.max(size(a, i), size(b, i)));
}

/** The cotangent of an argument that was broadcast: the sum over the axes along which it was repeated. */
function unbroadcast(cotangent: Value, shape: readonly number[]): Value {
  if (same(cotangent.shape, shape)) return cotangent;
  const lead = cotangent.shape.length - shape.length;
  const repeated = cotangent.shape.flatMap((size, i) => (size !== (shape[i - lead] ?? 1) ? [i] : []));
  return reshape(sum(cotangent, repeated), shape);
}

export function add(a: Value, b: Value): Value {
  const [name] = a.tape.node('Add', [a.name, b.name]);
  return a.tape.value(name!, broadcast(a.shape, b.shape), [a, b], g => [
    a.active ? unbroadcast(g, a.shape) : null,
    b.active ? unbroadcast(g, b.shape) : null,
  ]);
}

export function subtract(a: Value, b: Value): Value {
  const [name] = a.tape.node('Sub', [a.name, b.name]);
  return a.tape.value(name!, broadcast(a.shape, b.shape), [a, b], g => [
    a.active ? unbroadcast(g, a.shape) : null,
    b.active ? unbroadcast(scale(g, -1), b.shape) : null,
  ]);
}

export function multiply(a: Value, b: Value): Value {
  const [name] = a.tape.node('Mul', [a.name, b.name]);
  return a.tape.value(name!, broadcast(a.shape, b.shape), [a, b], g => [
    a.active ? unbroadcast(multiply(g, b), a.shape) : null,
    b.active ? unbroadcast(multiply(g, a), b.shape) : null,
  ]);
}

export function divide(a: Value, b: Value): Value {
  const [name] = a.tape.node('Div', [a.name, b.name]);
  return a.tape.value(name!, broadcast(a.shape, b.shape), [a, b], (g, y) => [
    a.active ? unbroadcast(divide(g, b), a.shape) : null,
    b.active ? unbroadcast(scale(divide(multiply(g, y), b), -1), b.shape) : null,
  ]);
}

/** x · factor. */
export function scale(x: Value, factor: number): Value {
  const [name] = x.tape.node('Mul', [x.name, scalar(x.tape, factor)]);
  return x.tape.value(name!, x.shape, [x], g => [scale(g, factor)]);
}

/** x + offset. */
function shift(x: Value, offset: number): Value {
  const [name] = x.tape.node('Add', [x.name, scalar(x.tape, offset)]);
  return x.tape.value(name!, x.shape, [x], g => [g]);
}

/** Sum over axes, which stay with size 1. */
export function sum(x: Value, axes: readonly number[]): Value {
  const [name] = x.tape.node('ReduceSum', [x.name, integers(x.tape, axes)], {keepdims: 1});
  return x.tape.value(name!, reduced(x.shape, axes), [x], g => [expand(g, x.shape)]);
}

/** Mean over axes, which stay with size 1. */
export function mean(x: Value, axes: readonly number[]): Value {
  const [name] = x.tape.node('ReduceMean', [x.name, integers(x.tape, axes)], {keepdims: 1});
  const shape = reduced(x.shape, axes);
  return x.tape.value(name!, shape, [x], g => [expand(scale(g, product(shape) / product(x.shape)), x.shape)]);
}

const reduced = (shape: readonly number[], axes: readonly number[]) =>
  shape.map((size, i) => (axes.includes(i) || axes.includes(i - shape.length) ? 1 : size));

/** Repeats axes of size 1 up to `shape`. */
export function expand(x: Value, shape: readonly number[]): Value {
  if (same(x.shape, shape)) return x;
  const [name] = x.tape.node('Expand', [x.name, integers(x.tape, shape)]);
  return x.tape.value(name!, shape, [x], g => [unbroadcast(g, x.shape)]);
}

export function reshape(x: Value, shape: readonly number[]): Value {
  if (same(x.shape, shape)) return x;
  const [name] = x.tape.node('Reshape', [x.name, integers(x.tape, shape)]);
  return x.tape.value(name!, shape, [x], g => [reshape(g, x.shape)]);
}

/** Axis i of the result is axis order[i] of x. */
export function transpose(x: Value, order: readonly number[]): Value {
  const [name] = x.tape.node('Transpose', [x.name], {perm: order});
  const inverse = order.map((_, i) => order.indexOf(i));
  return x.tape.value(
    name!,
    order.map(axis => x.shape[axis]!),
    [x],
    g => [transpose(g, inverse)],
  );
}

/** Elements [start, end) of one axis. */
export function slice(x: Value, axis: number, start: number, end: number): Value {
  const {tape, shape} = x;
  if (start === 0 && end === shape[axis]) return x;
  const [name] = tape.node('Slice', [x.name, ...[[start], [end], [axis]].map(at => integers(tape, at))]);
  return tape.value(name!, shape.with(axis, end - start), [x], g => {
    const before = shape.map((_, i) => (i === axis ? start : 0));
    const after = shape.map((size, i) => (i === axis ? size - end : 0));
    const [padded] = tape.node('Pad', [g.name, integers(tape, [...before, ...after])]);
    return [{tape, name: padded!, shape, active: false}];
  });
}

/** One after the other along an axis. */
export function concat(parts: readonly Value[], axis: number): Value {
  const {tape, shape} = parts[0]!;
  const [name] = tape.node(
    'Concat',
    parts.map(part => part.name),
    {axis},
  );
  const total = parts.reduce((size, part) => size + part.shape[axis]!, 0);
  return tape.value(name!, shape.with(axis, total), parts, g => {
    let end = 0;
    return parts.map(part => {
      const start = end;
      end += part.shape[axis]!;
      return part.active ? slice(g, axis, start, end) : null;
    });
  });
}

/**
 * factor · a · b of batches of matrices, either transposed; leading axes must be equal. onnxruntime has one operation for
 * all of it, which spares the copies of separate transposes.
 */
export function matmul(
  a: Value,
  b: Value,
  {transA = false, transB = false, factor = 1}: {transA?: boolean; transB?: boolean; factor?: number} = {},
): Value {
  const attributes = {transA: Number(transA), transB: Number(transB), alpha: {float: factor}};
  const [name] = a.tape.node('com.microsoft.FusedMatMul', [a.name, b.name], attributes);
  const rows = a.shape.at(transA ? -1 : -2)!;
  const columns = b.shape.at(transB ? -2 : -1)!;
  return a.tape.value(name!, [...a.shape.slice(0, -2), rows, columns], [a, b], g => [
    a.active
      ? transA
        ? matmul(b, g, {transA: transB, transB: true, factor})
        : matmul(g, b, {transB: !transB, factor})
      : null,
    b.active
      ? transB
        ? matmul(g, a, {transA: true, transB: transA, factor})
        : matmul(a, g, {transA: !transA, factor})
      : null,
  ]);
}

/**
 * x · weightᵀ + bias over the last axis, with the weight (out, in) as PyTorch keeps it. No gradient reaches weight
 * or bias.
 */
export function linear(x: Value, weight: Value, bias: Value | null): Value {
  const [out, width] = weight.shape as [number, number];
  const rows = reshape(x, [product(x.shape) / width, width]);
  const operands = [rows.name, weight.name, ...(bias ? [bias.name] : [])];
  const [name] = x.tape.node('Gemm', operands, {transB: 1});
  const y = x.tape.value(name!, [rows.shape[0]!, out], [rows], g => {
    const [back] = x.tape.node('Gemm', [g.name, weight.name]);
    return [{tape: x.tape, name: back!, shape: rows.shape, active: false}];
  });
  return reshape(y, [...x.shape.slice(0, -1), out]);
}

/** Normalisation over the last axis; no gradient reaches gain or bias. Backward: Ba, Kiros & Hinton 2016, eq. 4. */
export function layerNorm(x: Value, gain: Value, bias: Value, epsilon: number): Value {
  const {tape, shape} = x;
  const attributes = {axis: -1, epsilon: {float: epsilon}};
  const [name, centre, inverse] = tape.node(
    'LayerNormalization',
    [x.name, gain.name, bias.name],
    attributes,
    3,
  );
  const plain = (of: string | undefined) => ({tape, name: of!, shape: shape.with(-1, 1), active: false});
  return tape.value(name!, shape, [x], g => {
    const unit = multiply(subtract(detached(x), plain(centre)), plain(inverse));
    const h = multiply(g, gain);
    const along = multiply(unit, mean(multiply(h, unit), [-1]));
    return [multiply(subtract(subtract(h, mean(h, [-1])), along), plain(inverse))];
  });
}

/** Division by the root mean square over the last axis; no gradient reaches the gain. Zhang & Sennrich 2019, eq. 4. */
export function rmsNorm(x: Value, gain: Value, epsilon: number): Value {
  const {tape, shape} = x;
  const [root] = tape.node('Sqrt', [shift(mean(multiply(detached(x), detached(x)), [-1]), epsilon).name]);
  const size: Value = {tape, name: root!, shape: shape.with(-1, 1), active: false};
  const unit = divide(detached(x), size);
  return tape.value(multiply(unit, gain).name, shape, [x], g => {
    const h = multiply(g, gain);
    return [divide(subtract(h, multiply(unit, mean(multiply(h, unit), [-1]))), size)];
  });
}

/** Over the last axis. */
export function softmax(x: Value): Value {
  const [name] = x.tape.node('Softmax', [x.name], {axis: -1});
  return x.tape.value(name!, x.shape, [x], (g, y) => [multiply(y, subtract(g, sum(multiply(g, y), [-1])))]);
}

function elementwise(op: string, x: Value, vjp: (g: Value, y: Value) => Value): Value {
  const [name] = x.tape.node(op, [x.name]);
  return x.tape.value(name!, x.shape, [x], (g, y) => [vjp(g, y)]);
}

export function sigmoid(x: Value): Value {
  return elementwise('Sigmoid', x, (g, y) => multiply(g, multiply(y, shift(scale(y, -1), 1))));
}

export function tanh(x: Value): Value {
  return elementwise('Tanh', x, (g, y) => multiply(g, shift(scale(multiply(y, y), -1), 1)));
}

/** x Φ(x), with the normal distribution function itself; its derivative is Φ(x) + x φ(x). */
export function gelu(x: Value): Value {
  return elementwise('Gelu', x, g => {
    const s = scale(detached(x), Math.SQRT1_2);
    const [erf] = x.tape.node('Erf', [s.name]);
    const [exp] = x.tape.node('Exp', [scale(multiply(s, s), -1).name]);
    const distribution = shift(scale({...s, name: erf!}, 0.5), 0.5);
    const density = scale(multiply(s, {...s, name: exp!}), 1 / Math.sqrt(Math.PI));
    return multiply(g, add(distribution, density));
  });
}

/** The approximation of GELU by tanh. */
export function geluTanh(x: Value): Value {
  const inner = multiply(x, shift(scale(multiply(x, x), 0.044715), 1));
  return multiply(x, shift(scale(tanh(scale(inner, Math.sqrt(2 / Math.PI))), 0.5), 0.5));
}

/** x σ(1.702 x). */
export function quickGelu(x: Value): Value {
  return multiply(x, sigmoid(scale(x, 1.702)));
}

/** x σ(x). */
export function silu(x: Value): Value {
  return multiply(x, sigmoid(x));
}

export function relu(x: Value): Value {
  return elementwise('Relu', x, (g, y) => {
    const [sign] = x.tape.node('Sign', [y.name]);
    return multiply(g, {tape: x.tape, name: sign!, shape: x.shape, active: false});
  });
}

/** No gradient flows through it. */
export function cos(x: Value): Value {
  const [name] = x.tape.node('Cos', [x.name]);
  return {...detached(x), name: name!};
}

/** No gradient flows through it. */
export function sin(x: Value): Value {
  const [name] = x.tape.node('Sin', [x.name]);
  return {...detached(x), name: name!};
}

/** x held in [low, high]. As in PyTorch, the gradient passes at both ends and is zero beyond them. */
export function clamp(x: Value, low: number, high: number): Value {
  const {tape, shape} = x;
  const [name] = tape.node('Clip', [x.name, scalar(tape, low), scalar(tape, high)]);
  return tape.value(name!, shape, [x], (g, y) => {
    const [inside] = tape.node('Equal', [x.name, y.name]);
    const [mask] = tape.node('Cast', [inside!], {to: 1});
    return [multiply(g, {tape, name: mask!, shape, active: false})];
  });
}

/** Euclidean norm over the last axis, which stays with size 1. Its gradient at zero is taken as zero. */
export function norm(x: Value): Value {
  const {tape, shape} = x;
  const [name] = tape.node('ReduceL2', [x.name, integers(tape, [-1])], {keepdims: 1});
  return tape.value(name!, shape.with(-1, 1), [x], (g, y) => {
    const [safe] = tape.node('Max', [y.name, scalar(tape, 1e-30)]);
    return [multiply(x, divide(g, {...y, name: safe!}))];
  });
}

/** Rows of a table by number; no gradient reaches the table. */
export function gather(table: Value, rows: BigInt64Array): Value {
  const {tape, shape} = table;
  const [name] = tape.node('Gather', [table.name, tape.constant([rows.length], rows)], {axis: 0});
  return {tape, name: name!, shape: shape.with(0, rows.length), active: false};
}
