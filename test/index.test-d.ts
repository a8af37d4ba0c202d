import * as tf from '@tensorflow/tfjs';
import {describe, expectTypeOf, it} from 'vitest';
import {
  loadVit,
  monitorInvariance,
  wandbTracker,
  type Monitor,
  type MonitorOptions,
  type MonitorState,
  type Reading,
  type Score,
  type Tracker,
  type WandbOptions,
} from '../src/index.js';
import type {WandbSettings} from '../src/tracker/wandb/settings.js';

declare const model: tf.LayersModel;

describe('monitorInvariance', () => {
  it('takes the three things it needs, and gives a monitor', () => {
    expectTypeOf(monitorInvariance({tf, model, probes: 'probes'})).resolves.toEqualTypeOf<Monitor>();
    expectTypeOf<{tf: typeof tf; model: tf.LayersModel}>().toExtend<Pick<MonitorOptions, 'tf' | 'model'>>();
    // @ts-expect-error probes are missing
    void monitorInvariance({tf, model});
  });

  it('takes probes in every form a TensorFlow.js user has them', () => {
    type Probes = MonitorOptions['probes'];
    expectTypeOf<string>().toExtend<Probes>();
    expectTypeOf<tf.Tensor4D>().toExtend<Probes>();
    expectTypeOf<tf.Tensor3D[]>().toExtend<Probes>();
    expectTypeOf<AsyncIterable<{xs: tf.Tensor}>>().toExtend<Probes>();
    expectTypeOf<number>().not.toExtend<Probes>();
  });

  it('refuses options it does not know, and values they do not take', () => {
    const given = {tf, model, probes: 'probes'};
    // @ts-expect-error no such option
    void monitorInvariance({...given, evry: '1 epoch'});
    // @ts-expect-error no such pooling
    void monitorInvariance({...given, pooling: 'max'});
    // @ts-expect-error no such preset
    void monitorInvariance({...given, inversion: {preset: 'slow'}});
    // @ts-expect-error checkpoints need a folder
    void monitorInvariance({...given, checkpoints: {every: '1 epoch'}});
  });
});

describe('a monitor', () => {
  it('gives a callback that both fits take', () => {
    type Callbacks = NonNullable<tf.ModelFitArgs['callbacks']>;
    expectTypeOf<ReturnType<Monitor['callback']>>().toExtend<Callbacks>();
    expectTypeOf<ReturnType<Monitor['callback']>>().toExtend<
      NonNullable<tf.ModelFitDatasetArgs<tf.Tensor>['callbacks']>
    >();
  });

  it('takes numbers and scalars in a loop of one’s own', () => {
    expectTypeOf<Monitor['step']>().parameter(0).toExtend<object | undefined>();
    expectTypeOf<{loss: tf.Scalar; acc: number}>().toExtend<NonNullable<Parameters<Monitor['step']>[0]>>();
    expectTypeOf<{loss: string}>().not.toExtend<NonNullable<Parameters<Monitor['step']>[0]>>();
    expectTypeOf<Monitor['finish']>().returns.resolves.toEqualTypeOf<MonitorState>();
  });
});

describe('a score', () => {
  it('has a value only where it is scored, and a reason only where it is withheld', () => {
    const score = {} as Score;
    if (score.status === 'scored') expectTypeOf(score.value).toEqualTypeOf<number>();
    else expectTypeOf(score.reason).toEqualTypeOf<string>();
    // @ts-expect-error not known to be scored
    void score.value;
    expectTypeOf<Reading['scores']>().toEqualTypeOf<Score[]>();
  });
});

describe('what goes with it', () => {
  it('a ViT is a LayersModel, and W&B is a tracker', () => {
    expectTypeOf(loadVit(tf, 'folder', {classes: 3})).resolves.toExtend<tf.LayersModel>();
    expectTypeOf(wandbTracker({project: 'birds'})).toEqualTypeOf<Tracker>();
    expectTypeOf<Omit<WandbOptions, 'apiKey'>>().toEqualTypeOf<Partial<WandbSettings>>();
    // @ts-expect-error no such mode
    wandbTracker({mode: 'sometimes'});
  });
});
