import {describe, expect, it} from 'vitest';
import {TrainingLog} from '../../src/plugin/training-log.js';

describe('the log of a training', () => {
  it('tells all values of the newest step, and none of those before', () => {
    const log = new TrainingLog({entries: [], step: 0});
    log.report(5, {loss: 1, acc: 0.5});
    log.report(5, {loss: 2, val_loss: 3});
    expect(log.valuesAt(5)).toEqual({loss: 2, acc: 0.5, val_loss: 3});
    log.report(6, {loss: 4});
    expect(log.valuesAt(6)).toEqual({loss: 4});
    expect(log.valuesAt(5)).toEqual({});
  });

  it('hands out values that nobody changes', () => {
    const log = new TrainingLog({entries: [], step: 0});
    log.report(1, {loss: 1});
    log.valuesAt(1)['loss'] = 2;
    expect(log.valuesAt(1)).toEqual({loss: 1});
  });

  it('goes on after the entries of a run that is resumed, which stay as they were', () => {
    const entries = [{step: 1, epoch: 0.5, values: {loss: 1}}];
    const log = new TrainingLog({entries, step: 1});
    log.entries.push({step: 2, epoch: 1, values: {val_acc: 0.5, loss: 0.5}});
    expect(log.names()).toEqual(['loss', 'val_acc']);
    expect(entries).toHaveLength(1);
  });
});
