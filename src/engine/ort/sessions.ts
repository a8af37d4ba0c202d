import type {InferenceSession, Tensor} from 'onnxruntime-web';
import {InTurn} from '../../disk/index.js';
import {InvarianceError, messageOf} from '../../errors.js';
import type {Model} from '../onnx/tape.js';
import type {Runtime} from './runtime.js';

/** Values by the name of an input or output. */
export type Named<T> = Readonly<Record<string, T>>;

/** A graph ready to run: feed it every input it has not been told to take from the weights. */
export type Run = (feeds: Named<Float32Array>, results: Named<Float32Array>) => Promise<void>;

interface Entry {
  readonly key: string;
  readonly model: Model;
  readonly session: InferenceSession;
}

/**
 * Sessions by what they are for. Each keeps the memory of its activations, so a purpose has one session at a time:
 * asking for another graph under the same purpose releases the one before.
 */
export class Sessions {
  readonly #open = new Map<string, Entry>();
  readonly #queue = new InTurn();
  #weights: ReadonlyMap<string, Tensor> = new Map();

  constructor(private readonly runtime: Runtime) {}

  /** Weights are inputs of every graph, so one session serves all checkpoints. */
  setWeights(weights: Iterable<{name: string; shape: readonly number[]; data: Float32Array}>): void {
    this.#weights = new Map(
      [...weights].map(({name, shape, data}) => [name, this.#tensor(data, shape)] as const),
    );
  }

  /** Runs a graph's session, made where there is none for this key yet; one call at a time, in their order. */
  use<T>(
    {purpose, key, graph}: {purpose: string; key: string; graph: () => Model},
    work: (run: Run) => Promise<T>,
  ): Promise<T> {
    return this.#queue.do(async () => {
      const {session, model} = await this.#session(purpose, key, graph);
      return work((feeds, results) => this.#run(session, model, feeds, results));
    });
  }

  async release(): Promise<void> {
    await this.#queue.done();
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const {session} of open) await session.release();
  }

  async #session(purpose: string, key: string, graph: () => Model): Promise<Entry> {
    const entry = this.#open.get(purpose);
    if (entry?.key === key) return entry;
    this.#open.delete(purpose);
    await entry?.session.release();
    const model = graph();
    const made = {key, model, session: await this.runtime.session(model.bytes)};
    this.#open.set(purpose, made);
    return made;
  }

  async #run(
    session: InferenceSession,
    {inputs, outputs}: Model,
    feeds: Named<Float32Array>,
    results: Named<Float32Array>,
  ): Promise<void> {
    const fed = inputs.map(({name, shape}) => {
      const data = feeds[name];
      return [name, data ? this.#tensor(data, shape) : this.#weights.get(name)!] as const;
    });
    const names = outputs.map(({name}) => name);
    // Where results are written in place, a copy of every layer is saved.
    const fetches = this.runtime.writesInPlace
      ? Object.fromEntries(outputs.map(({name, shape}) => [name, this.#tensor(results[name]!, shape)]))
      : names;
    try {
      const returned = await session.run(Object.fromEntries(fed), fetches);
      if (this.runtime.writesInPlace) return;
      for (const name of names) results[name]!.set(returned[name]!.data as Float32Array);
    } catch (error) {
      throw new InvarianceError('engine_failed', `onnxruntime failed: ${messageOf(error)}`, {cause: error});
    }
  }

  #tensor(data: Float32Array, shape: readonly number[]): Tensor {
    return new this.runtime.ort.Tensor('float32', data, shape);
  }
}
