import {InvarianceError, messageOf} from '../../errors.js';
import type {Optimizer, Tensor, Tf, Variable} from './tf.js';

/** What an optimizer remembers between steps, on the host. */
export interface OptimizerState {
  /** Class of the optimizer: `Adam`, `SGD`, `Momentum`, … */
  kind: string;
  /** Steps taken. */
  iterations: number;
  /** What it was made with, and what schedules have made of that since: its `getConfig()`. */
  config?: Readonly<Record<string, unknown>>;
  /** Slots under names that sort in their order (`slot_0000` …), and Adam's powers of its betas. */
  tensors: ReadonlyMap<string, {readonly shape: readonly number[]; readonly data: Float32Array}>;
}

/**
 * Adam's running powers of its betas. TensorFlow.js leaves them out of `getWeights` and recomputes them by `pow`, whose
 * rounding would make a resumed run differ from one that never stopped.
 */
const POWERS = ['accBeta1', 'accBeta2'] as const;

type WithPowers = {readonly [name in (typeof POWERS)[number]]?: Variable};

/**
 * Copies the optimizer's state to the host; no tensor is left behind.
 * @throws InvarianceError `bad_option` for an optimizer whose state TensorFlow.js does not give out (Adamax).
 */
export async function optimizerState(optimizer: Optimizer): Promise<OptimizerState> {
  const kind = optimizer.getClassName();
  const [count, ...slots] = await optimizer.getWeights().catch((error: unknown) => {
    throw new InvarianceError(
      'bad_option',
      `the state of optimizer ${kind} cannot be read: ${messageOf(error)}`,
    );
  });
  count!.tensor.dispose();
  const copy = (tensor: Tensor) => ({shape: tensor.shape, data: Float32Array.from(tensor.dataSync())});
  const tensors = new Map(slots.map(({tensor}, index) => [slotName(index), copy(tensor)]));
  for (const name of POWERS) {
    const power = (optimizer as WithPowers)[name];
    if (power) tensors.set(name, copy(power));
  }
  return {kind, iterations: optimizer.iterations, config: {...optimizer.getConfig()}, tensors};
}

/**
 * Puts a state back into a fresh optimizer of the same class, for a model whose trainable weights come in the same order: its
 * slots, and its learning rate and whatever else it was made with as they had become.
 * @returns what it was made with otherwise now, for people: "learningRate 0.0005 (not 0.001)"
 * @throws InvarianceError `bad_option` where the optimizer is of another class.
 */
export async function restoreOptimizer({
  tf,
  optimizer,
  state,
}: {
  tf: Tf;
  optimizer: Optimizer;
  state: OptimizerState;
}): Promise<string[]> {
  const kind = optimizer.getClassName();
  if (kind !== state.kind) {
    throw new InvarianceError(
      'bad_option',
      `the state is of optimizer ${state.kind}, not ${kind}; use the one it came from`,
    );
  }
  const names = [...state.tensors.keys()].filter(name => name.startsWith(SLOT)).sort();
  const made = (name: string) => {
    const {shape, data} = state.tensors.get(name)!;
    return tf.tensor(data, [...shape]);
  };
  const weights = [
    {name: 'iter', tensor: tf.scalar(state.iterations, 'int32')},
    ...names.map(name => ({name, tensor: made(name)})),
  ];
  await optimizer.setWeights(weights);
  tf.dispose(weights);
  for (const name of POWERS) {
    if (state.tensors.has(name)) tf.tidy(() => (optimizer as WithPowers)[name]?.assign(made(name)));
  }
  return restoreConfig(tf, optimizer, state.config ?? {});
}

/** TensorFlow.js keeps each value of an optimizer's configuration under its name, and SGD's learning rate and momentum in tensors
 * as well. */
function restoreConfig(tf: Tf, optimizer: Optimizer, saved: NonNullable<OptimizerState['config']>): string[] {
  const present = optimizer.getConfig();
  const differing = Object.keys(saved).filter(name => name in present && present[name] !== saved[name]);
  for (const name of differing) {
    const {setLearningRate, m} = optimizer as {setLearningRate?: (rate: unknown) => void; m?: Tensor};
    if (name === 'learningRate' && setLearningRate) setLearningRate.call(optimizer, saved[name]);
    else Object.assign(optimizer, {[name]: saved[name]});
    if (name === 'momentum' && m) {
      Object.assign(optimizer, {m: tf.keep(tf.scalar(saved[name] as number))});
      m.dispose();
    }
  }
  return differing.map(
    name => `${name} ${JSON.stringify(saved[name])} (not ${JSON.stringify(present[name])})`,
  );
}

const SLOT = 'slot_';

function slotName(index: number): string {
  return SLOT + String(index).padStart(4, '0');
}
