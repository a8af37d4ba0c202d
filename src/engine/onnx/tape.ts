import {encodeModel, type Attribute, type Constant, type Node, type Port} from './model.js';
import {add, constant} from './ops.js';

/** A float32 tensor of the graph, of known shape. */
export interface Value {
  readonly tape: Tape;
  readonly name: string;
  readonly shape: readonly number[];
  /** It depends on a variable, so a gradient can flow through it. */
  readonly active: boolean;
}

/** The cotangent of each input, given that of the output; null where none is needed. */
export type Vjp = (cotangent: Value, output: Value) => (Value | null)[];

/** An ONNX model, the inputs it wants to be fed and the outputs it gives. */
export interface Model {
  readonly bytes: Uint8Array;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

interface Step {
  readonly output: Value;
  readonly inputs: readonly Value[];
  readonly vjp: Vjp;
}

/**
 * Records operations as ONNX nodes. The functions of `ops.ts` write to it, each with its vector-Jacobian product,
 * so that `gradient` can write the backward pass out of the same operations.
 */
export class Tape {
  readonly #nodes: Node[] = [];
  readonly #constants: Constant[] = [];
  readonly #inputs: Port[] = [];
  readonly #steps: Step[] = [];
  #names = 0;

  /** An input of the graph through which no gradient flows: a weight, a target. */
  input(name: string, shape: readonly number[]): Value {
    this.#inputs.push({name, shape});
    return {tape: this, name, shape, active: false};
  }

  /** An input of the graph that a gradient can be taken with respect to. */
  variable(name: string, shape: readonly number[]): Value {
    return {...this.input(name, shape), active: true};
  }

  /** Adds a constant and returns its name. */
  constant(shape: readonly number[], data: Float32Array | BigInt64Array): string {
    const name = this.#name();
    this.#constants.push({name, shape, data});
    return name;
  }

  /** Adds a node and returns the names of its outputs. */
  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    outputs = 1,
  ): string[] {
    const names = Array.from({length: outputs}, () => this.#name());
    this.#nodes.push({op, inputs, outputs: names, attributes});
    return names;
  }

  /** Declares that `name`, computed from `inputs`, has this shape and this vector-Jacobian product. */
  value(name: string, shape: readonly number[], inputs: readonly Value[], vjp: Vjp): Value {
    const output = {tape: this, name, shape, active: inputs.some(input => input.active)};
    if (output.active) this.#steps.push({output, inputs, vjp});
    return output;
  }

  /** The gradient of the sum of `of` with respect to a variable, by reverse accumulation. */
  gradient(of: Value, variable: Value): Value {
    const cotangents = new Map<string, Value>([[of.name, constant(this, of.shape, 1)]]);
    for (const {output, inputs, vjp} of this.#steps.slice().reverse()) {
      const cotangent = cotangents.get(output.name);
      if (!cotangent) continue;
      vjp(cotangent, output).forEach((part, i) => {
        const input = inputs[i]!;
        if (!part || !input.active) return;
        const sum = cotangents.get(input.name);
        cotangents.set(input.name, sum ? add(sum, part) : part);
      });
    }
    return cotangents.get(variable.name) ?? constant(this, variable.shape, 0);
  }

  /**
   * The model that computes `outputs` under the names given, and nothing else: nodes, constants and inputs that no
   * output depends on are left out.
   */
  model(outputs: Readonly<Record<string, Value>>): Model {
    const {nodes, needed} = this.#needed(Object.values(outputs));
    const inputs = this.#inputs.filter(({name}) => needed.has(name));
    const named = Object.entries(outputs).map(([name, value]) => ({
      op: 'Identity',
      inputs: [value.name],
      outputs: [name],
      attributes: {},
    }));
    const ports = Object.entries(outputs).map(([name, {shape}]) => ({name, shape}));
    return {
      inputs,
      outputs: ports,
      bytes: encodeModel({
        nodes: [...nodes, ...named],
        constants: this.#constants.filter(({name}) => needed.has(name)),
        inputs,
        outputs: ports,
      }),
    };
  }

  /** The inputs that any of these depend on. */
  inputsOf(values: readonly Value[]): Port[] {
    const {needed} = this.#needed(values);
    return this.#inputs.filter(({name}) => needed.has(name));
  }

  #needed(values: readonly Value[]): {nodes: Node[]; needed: ReadonlySet<string>} {
    const needed = new Set(values.map(({name}) => name));
    const nodes: Node[] = [];
    for (const node of this.#nodes.slice().reverse()) {
      if (!node.outputs.some(name => needed.has(name))) continue;
      nodes.push(node);
      node.inputs.forEach(name => needed.add(name));
    }
    return {nodes: nodes.reverse(), needed};
  }

  #name(): string {
    return `v${this.#names++}`;
  }
}
