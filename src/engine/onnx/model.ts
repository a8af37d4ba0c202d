import {bytesField, concatenate, floatField, integerField, messageField, textField} from '../../protobuf.js';

/** Operator set 20 is the first with `Gelu`; intermediate representation 9 is the one of its release. */
const OPSET = 20;
const IR_VERSION = 9;

/** Operations of onnxruntime's own. */
const MICROSOFT = 'com.microsoft';

const FLOAT = 1;
const INT64 = 7;

/** A plain number is written as an integer, `{float}` as a 32-bit float. */
export type Attribute = number | string | readonly number[] | {readonly float: number};

export interface Node {
  /** With its domain before it where it is none of ONNX's own: `com.microsoft.FusedMatMul`. */
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface Constant {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

/** An input or output of the graph, float32. */
export interface Port {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface Graph {
  readonly nodes: readonly Node[];
  readonly constants: readonly Constant[];
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

/**
 * The bytes of an ONNX model.
 * Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
export function encodeModel(graph: Graph): Uint8Array {
  return concatenate([
    integerField(1, IR_VERSION),
    messageField(
      7,
      ...graph.nodes.map(node => messageField(1, ...nodeFields(node))),
      textField(2, 'graph'),
      ...graph.constants.map(constant => messageField(5, ...constantFields(constant))),
      ...graph.inputs.map(port => messageField(11, ...portFields(port))),
      ...graph.outputs.map(port => messageField(12, ...portFields(port))),
    ),
    messageField(8, textField(1, ''), integerField(2, OPSET)),
    messageField(8, textField(1, MICROSOFT), integerField(2, 1)),
  ]);
}

function nodeFields({op, inputs, outputs, attributes}: Node): Uint8Array[] {
  return [
    ...inputs.map(name => textField(1, name)),
    ...outputs.map(name => textField(2, name)),
    textField(4, op.slice(op.lastIndexOf('.') + 1)),
    ...Object.entries(attributes).map(([name, value]) =>
      messageField(5, textField(1, name), ...attributeFields(value)),
    ),
    ...(op.startsWith(MICROSOFT) ? [textField(7, MICROSOFT)] : []),
  ];
}

/** AttributeProto's `type`: 1 float, 2 integer, 3 string, 7 integers. */
function attributeFields(value: Attribute): Uint8Array[] {
  if (typeof value === 'number') return [integerField(3, value), integerField(20, 2)];
  if (typeof value === 'string') return [textField(4, value), integerField(20, 3)];
  if ('float' in value) return [floatField(2, value.float), integerField(20, 1)];
  return [...value.map(item => integerField(8, item)), integerField(20, 7)];
}

function constantFields({name, shape, data}: Constant): Uint8Array[] {
  return [
    ...shape.map(size => integerField(1, size)),
    integerField(2, data instanceof Float32Array ? FLOAT : INT64),
    textField(8, name),
    bytesField(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ];
}

function portFields({name, shape}: Port): Uint8Array[] {
  const sizes = shape.map(size => messageField(1, integerField(1, size)));
  return [
    textField(1, name),
    messageField(2, messageField(1, integerField(1, FLOAT), messageField(2, ...sizes))),
  ];
}
