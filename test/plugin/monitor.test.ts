import {mkdtempSync} from 'node:fs';
import {mkdir} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import {beforeAll, describe, expect, it} from 'vitest';
import {createCheckpoints} from '../../src/checkpoints/checkpoints.js';
import type {Monitor} from '../../src/plugin/monitor.js';
import {findResumePoint} from '../../src/checkpoints/resume-point.js';
import type {TrainingState} from '../../src/checkpoints/training-state.js';
import {readRun} from '../../src/journal/index.js';
import {sampleReading} from '../tracker/sample-run.js';
import {instantSource, monitored, tinyModel} from './monitored.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** 10 batches an epoch of 2 images. */
const data = () => ({x: tf.zeros([20, 2, 2, 1]), y: tf.ones([20, 2])});
const fitOptions = {epochs: 3, batchSize: 2, verbose: 0, shuffle: false};

function dataset() {
  const {x, y} = data();
  return tf.data
    .zip({xs: tf.data.array(x.unstack()), ys: tf.data.array(y.unstack())})
    .batch(2) as tf.data.Dataset<{xs: tf.Tensor; ys: tf.Tensor}>;
}

describe('the monitor in model.fit', () => {
  it('reads before training, at its cadence and at the end', async () => {
    const model = tinyModel();
    const {source, moments} = instantSource();
    const {monitor} = await monitored({model, every: '4 steps'}, {source});
    const {x, y} = data();
    await model.fit(x, y, {...fitOptions, callbacks: monitor.callback()});
    await monitor.finish();
    expect(moments.map(({step}) => step)).toEqual([0, 4, 8, 12, 16, 20, 24, 28, 30]);
    expect(moments.map(({epoch}) => epoch)).toEqual([0, 0.4, 0.8, 1.2, 1.6, 2, 2.4, 2.8, 3]);
  });

  it('reads at epoch ends, with the values of validation', async () => {
    const model = tinyModel();
    const {source, moments} = instantSource();
    const {monitor} = await monitored({model}, {source});
    const {x, y} = data();
    await model.fit(x, y, {...fitOptions, validationData: [x, y], callbacks: monitor.callback()});
    await monitor.finish();
    expect(moments.map(({step, epoch}) => [step, epoch])).toEqual([
      [0, 0],
      [10, 1],
      [20, 2],
      [30, 3],
    ]);
    expect(Object.keys(moments[1]!.logged).sort()).toEqual(['epoch_loss', 'loss', 'val_loss']);
    expect(moments[1]!.logged.val_loss).toBeGreaterThan(0);
  });

  it('works with fitDataset', async () => {
    const model = tinyModel();
    const {source, moments} = instantSource();
    const {monitor} = await monitored({model, every: '15 steps'}, {source});
    await model.fitDataset(dataset(), {epochs: 3, verbose: 0, callbacks: monitor.callback()});
    await monitor.finish();
    expect(moments.map(({step, epoch}) => [step, epoch])).toEqual([
      [0, 0],
      [15, 1.5],
      [30, 3],
    ]);
  });

  it.each([
    [
      'before',
      (ours: tf.CustomCallback) => [ours, tf.callbacks.earlyStopping({monitor: 'loss', patience: 9})],
    ],
    [
      'after',
      (ours: tf.CustomCallback) => [tf.callbacks.earlyStopping({monitor: 'loss', patience: 9}), ours],
    ],
    ['behind plain handlers, which wrap it,', (ours: tf.CustomCallback) => [{onEpochEnd: () => {}}, ours]],
  ])('works in a list %s another callback', async (_, list) => {
    const model = tinyModel();
    const {source, moments} = instantSource();
    const {monitor} = await monitored({model, every: '10 steps'}, {source});
    const {x, y} = data();
    await model.fit(x, y, {...fitOptions, callbacks: list(monitor.callback()) as tf.CustomCallback[]});
    expect(moments.map(({step}) => step)).toEqual([0, 10, 20, 30]);
    await monitor.finish();
  });

  it('counts on through several fits', async () => {
    const model = tinyModel();
    const {source, moments} = instantSource();
    const {monitor} = await monitored({model, every: '1 epoch'}, {source});
    const {x, y} = data();
    for (let phase = 0; phase < 2; phase++) {
      await model.fit(x, y, {...fitOptions, epochs: 1, callbacks: monitor.callback()});
    }
    await monitor.finish();
    expect(moments.map(({step}) => step)).toEqual([0, 10, 20]);
    expect(monitor.state).toMatchObject({step: 20, epoch: 2, batch: 0, ended: 'finished'});
  });

  it('records the loss at its own cadence, and the values of every epoch', async () => {
    const model = tinyModel();
    const {source} = instantSource();
    const {monitor, folder} = await monitored({model, log: '5 steps', every: [30]}, {source});
    const {x, y} = data();
    const {history} = await model.fit(x, y, {...fitOptions, callbacks: monitor.callback()});
    await monitor.finish();
    const {events} = await readRun(folder);
    const logged = events.flatMap(event => (event.type === 'logged' ? [event] : []));
    expect(logged.map(({step, values}) => [step, ...Object.keys(values)])).toEqual([
      [5, 'loss'],
      [10, 'loss'],
      [10, 'epoch_loss'],
      [15, 'loss'],
      [20, 'loss'],
      [20, 'epoch_loss'],
      [25, 'loss'],
      [30, 'loss'],
      [30, 'epoch_loss'],
    ]);
    expect(logged[2]!.values.epoch_loss).toBe(history.loss![0]);
  });

  it('says once that it was given to another model', async () => {
    const {source} = instantSource();
    const {monitor, folder, printed} = await monitored({model: tinyModel()}, {source});
    const {x, y} = data();
    await tinyModel().fit(x, y, {...fitOptions, epochs: 1, callbacks: monitor.callback()});
    await monitor.finish();
    expect(monitor.state.notices).toEqual({other_model: 1});
    expect(printed).toHaveLength(1);
    expect((await readRun(folder)).events).toContainEqual(expect.objectContaining({code: 'other_model'}));
  });
});

describe('the monitor in a loop of one’s own', () => {
  it('counts steps and epochs, and learns the length of an epoch', async () => {
    const {source, moments} = instantSource();
    const {monitor} = await monitored({model: tinyModel(), every: '3 steps'}, {source});
    for (let epoch = 0; epoch < 2; epoch++) {
      for (let batch = 0; batch < 4; batch++) await monitor.step({loss: tf.scalar(1)});
      await monitor.epochEnd({val_acc: 0.5});
    }
    await monitor.finish();
    expect(moments.map(({step, epoch}) => [step, epoch])).toEqual([
      [0, 0],
      [3, null],
      [6, 1.5],
      [8, 2],
    ]);
    expect(moments[1]!.logged).toEqual({loss: 1});
    expect(moments[3]!.logged).toEqual({val_acc: 0.5});
  });

  it('takes a logarithmic cadence and a list at their word', async () => {
    for (const [every, steps] of [
      ['log', [0, 1, 2, 4, 8, 16, 20]],
      [
        [3, 9],
        [0, 3, 9, 20],
      ],
    ] as const) {
      const {source, moments} = instantSource();
      const {monitor} = await monitored({model: tinyModel(), every}, {source});
      for (let step = 0; step < 20; step++) await monitor.step();
      await monitor.finish();
      expect(moments.map(({step}) => step)).toEqual(steps);
    }
  });

  it('acquires at its own, slower cadence', async () => {
    const {source, moments} = instantSource();
    const {monitor} = await monitored({model: tinyModel(), every: '2 steps', acquired: '5 steps'}, {source});
    for (let step = 0; step < 12; step++) await monitor.step();
    await monitor.finish();
    expect(moments.filter(({acquire}) => acquire).map(({step}) => step)).toEqual([6, 10]);
  });

  it('reads scalars only where their values are used', async () => {
    const {source} = instantSource();
    const {monitor} = await monitored({model: tinyModel(), every: '1 epoch', log: '10 steps'}, {source});
    let reads = 0;
    const loss = {data: async () => (reads++, [1])} as unknown as tf.Scalar;
    for (let step = 0; step < 100; step++) await monitor.step({loss});
    await monitor.finish();
    expect(reads).toBe(10);
  });

  it('leaves no tensor behind in 1,000 steps', async () => {
    const model = tinyModel();
    const {source} = instantSource();
    const {monitor} = await monitored({model, every: '10 steps'}, {source});
    const callback = monitor.callback();
    const {x, y} = data();
    await model.fit(x, y, {...fitOptions, epochs: 1, callbacks: callback});
    const before = tf.memory();
    await model.fit(x, y, {...fitOptions, epochs: 100, callbacks: callback});
    expect(monitor.state.step).toBe(1010);
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(tf.memory().numDataBuffers).toBe(before.numDataBuffers);
    await monitor.finish();
  });

  it('does nothing after its end', async () => {
    const {source, moments} = instantSource();
    const {monitor} = await monitored({model: tinyModel(), every: '1 step'}, {source});
    await monitor.step();
    await Promise.all([monitor.finish(), monitor.finish()]);
    await monitor.step();
    await monitor.epochEnd();
    expect(moments.map(({step}) => step)).toEqual([0, 1]);
  });
});

describe('what goes wrong inside a running fit', () => {
  const broken = () => {
    const {source} = instantSource();
    let calls = 0;
    return {
      ...source,
      async take() {
        if (calls++ > 0) throw new Error('no space left on device');
      },
    };
  };

  it('becomes a notice: on record, on the console once, and counted', async () => {
    const model = tinyModel();
    const {monitor, folder, printed} = await monitored({model, every: '10 steps'}, {source: broken()});
    const {x, y} = data();
    await model.fit(x, y, {...fitOptions, callbacks: monitor.callback()});
    await monitor.finish();
    // Three at their steps, and the last once more at the end.
    expect(monitor.state.notices).toEqual({reading_failed: 4});
    expect(printed).toEqual(['wandb-invariance: no space left on device']);
    const {events} = await readRun(folder);
    expect(events.filter(({type}) => type === 'notice')).toMatchObject([
      {level: 'error', code: 'reading_failed', message: 'no space left on device'},
    ]);
  });

  it('throws where the user asked for it', async () => {
    const model = tinyModel();
    const {monitor} = await monitored({model, every: '10 steps', strict: true}, {source: broken()});
    const {x, y} = data();
    await expect(model.fit(x, y, {...fitOptions, callbacks: monitor.callback()})).rejects.toThrow(
      'no space left on device',
    );
  });

  it('ends the run as crashed in strict mode where its end fails, with the child and the record closed first', async () => {
    const {source} = instantSource();
    const order: string[] = [];
    const {monitor, folder} = await monitored(
      {model: tinyModel(), every: [9], strict: true},
      {
        source: {
          ...source,
          drain: () => Promise.reject(new Error('the last reading failed')),
          close: async ({whole}) => void order.push(`closed, ${whole ? 'whole' : 'to be resumed'}`),
        },
        release: () => void order.push('released'),
      },
    );
    await monitor.step();
    await expect(monitor.finish()).rejects.toThrow('the last reading failed');
    expect(order).toEqual(['closed, to be resumed', 'released']);
    expect(monitor.state.ended).toBe('crashed');
    expect((await readRun(folder)).state).toBe('crashed');
  });

  it('throws in strict mode what failed beside the training, at the next step', async () => {
    const {source, events} = instantSource();
    const {monitor} = await monitored({model: tinyModel(), strict: true}, {source});
    events().notice('error', 'baseline_failed', 'no readings in this run');
    await expect(monitor.step()).rejects.toThrow('no readings in this run');
  });

  it('is no matter of a loss that is not finite', async () => {
    const {source, moments} = instantSource();
    const {monitor, folder} = await monitored({model: tinyModel(), log: '1 step', every: [1]}, {source});
    await monitor.step({loss: NaN});
    await monitor.finish();
    expect(moments[1]!.logged).toEqual({loss: NaN});
    expect((await readRun(folder)).events).toContainEqual(
      expect.objectContaining({type: 'logged', values: {loss: NaN}}),
    );
  });
});

/** The checkpoints of a fresh run that keeps three. */
const checkpointsIn = (dir: string, waiting?: () => readonly number[]) =>
  createCheckpoints({dir, run: 'run-1', keep: 3, mode: 'max', present: [], values: [], waiting});

describe('a checkpoint at the last batch of an epoch', () => {
  /** What the newest checkpoint says of a training of 4 batches an epoch, saved every 4 steps. */
  async function stateAfter(
    train: (monitor: Monitor) => Promise<void>,
    options: {stepsPerEpoch?: number} = {},
  ): Promise<TrainingState | undefined> {
    const dir = mkdtempSync(join(tmpdir(), 'checkpoints-'));
    const {source} = instantSource();
    const {monitor} = await monitored(
      {model: tinyModel(), every: [99], checkpoints: {dir, every: '4 steps', saveLast: false}, ...options},
      {
        source,
        saveModel: async to => void (await mkdir(to, {recursive: true})),
        checkpoints: checkpointsIn(dir),
      },
    );
    await train(monitor);
    await monitor.finish('killed');
    return (await findResumePoint({resume: 'auto', dir}))?.state;
  }
  const batches = async (monitor: Monitor, count: number) => {
    for (let batch = 0; batch < count; batch++) await monitor.step();
  };

  it('goes on with the next epoch, also where the process dies before the epoch ends', async () => {
    const state = await stateAfter(monitor => batches(monitor, 4), {stepsPerEpoch: 4});
    expect(state).toMatchObject({step: 4, epoch: 1, epochs: 1, batch: 0});
  });

  it('learns at its end where the length of the epoch was not known before', async () => {
    const state = await stateAfter(async monitor => {
      await batches(monitor, 4);
      await monitor.epochEnd({val_loss: 1});
    });
    expect(state).toMatchObject({step: 4, epoch: 1, epochs: 1, batch: 0, stepsPerEpoch: 4});
  });

  it('stays inside the epoch where it is one', async () => {
    const state = await stateAfter(
      async monitor => {
        await batches(monitor, 6);
      },
      {stepsPerEpoch: 6},
    );
    expect(state).toMatchObject({step: 4, epochs: 0, batch: 4});
  });
});

describe('checkpoints that readings judge', () => {
  it('have one of their own step, whatever the cadence of readings', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'checkpoints-'));
    const {source, moments} = instantSource();
    const options = {dir, every: '4 steps', monitor: 'invariance/retention'};
    const {monitor} = await monitored(
      {model: tinyModel(), every: '10 steps', checkpoints: options},
      {
        source,
        saveModel: async to => void (await mkdir(to, {recursive: true})),
        checkpoints: checkpointsIn(dir, () => source.waiting()),
      },
    );
    for (let step = 0; step < 12; step++) await monitor.step();
    await monitor.finish();
    expect(moments.map(({step}) => step)).toEqual([0, 4, 8, 10, 12]);
    // Retention of the sample falls with the steps; that of step 0 is of no checkpoint.
    expect(monitor.state.best?.step).toBe(4);
    expect(monitor.state.best?.value).toBeCloseTo(sampleReading(4).meanScore!, 10);
  });
});

describe('a budget that is exceeded', () => {
  /** A training of 10 ms steps under a clock of its own, its readings 100 ms each. */
  async function training(every: string | number[], steps: number, budget = 0.05) {
    const clock = {now: 0};
    const {source, moments} = instantSource();
    const {createBudget} = await import('../../src/plugin/budget.js');
    const run = await monitored(
      {model: tinyModel(), every, budget},
      {
        source: {
          ...source,
          async take(moment, options) {
            clock.now += 100;
            await source.take(moment, options);
          },
        },
        budget: createBudget({share: budget, cores: 1, now: () => clock.now, cost: {each: 1, first: 0}}),
        clock: () => clock.now,
      },
    );
    for (let step = 0; step < steps; step++) {
      clock.now += 10;
      await run.monitor.step();
    }
    return {...run, moments, clock};
  }

  it('stretches the cadence to every second moment until readings fit, and says so', async () => {
    const {monitor, folder, moments, clock} = await training('50 steps', 1000);
    expect(moments.map(({step}) => step)).toEqual([0, 400, 800]);
    expect(monitor.state.cost.total).toBeLessThanOrEqual(0.05);
    const {events} = await readRun(folder);
    const said = events.flatMap(event => (event.type === 'notice' ? [event.message] : []));
    expect(said).toEqual([
      'readings would cost 20 % of training time, over the budget of 5 %: from here every 100 steps',
      'readings would cost 10 % of training time, over the budget of 5 %: from here every 200 steps',
      expect.stringContaining('from here every 400 steps'),
    ]);
    const {cost} = await monitor.finish();
    clock.now += 60_000;
    expect(monitor.state.cost).toEqual(cost);
  });

  it('leaves moments of a logarithmic cadence out, and keeps to a list', async () => {
    const log = await training('log', 600);
    expect(log.moments.map(({step}) => step)).toEqual([0, 256, 512]);
    const list = await training([1, 2, 3], 10);
    expect(list.moments.map(({step}) => step)).toEqual([0, 1, 2, 3]);
  });
});
