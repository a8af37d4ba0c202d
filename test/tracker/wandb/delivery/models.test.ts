import {describe, expect, it} from 'vitest';
import {Models} from '../../../../src/tracker/wandb/delivery/models.js';
import {OwedList, type Owed} from '../../../../src/tracker/wandb/delivery/owed.js';
import {resolveSettings} from '../../../../src/tracker/wandb/settings.js';
import {createApi} from '../../../../src/tracker/wandb/protocol/api.js';

/** The models of a run that ended once, owing its last checkpoint, and goes on. */
function resumed(logModel: 'checkpoint' | 'end') {
  const owed: Owed[] = [{kind: 'artifact', checkpoint: '/checkpoint-100 1 latest'}];
  const state = {settings: resolveSettings({logModel}, {env: {}}), artifacts: {}, owed};
  const models = new Models({
    api: createApi({baseUrl: 'http://localhost', apiKey: '', timeoutMs: 1}),
    path: () => Promise.reject(new Error('nothing is sent here')),
    state,
    owed: new OwedList(state, () => {}),
    onNotice: () => {},
  });
  const checkpoint = (step: number) =>
    models.see({type: 'checkpoint', time: 1, step, path: `/checkpoint-${step}`, aliases: ['latest']});
  return {models, checkpoint, state};
}

describe('a checkpoint owed at an earlier end of the run', () => {
  it('waits for the new end with logModel "end", and is owed no more where another is the last by then', () => {
    const {models, checkpoint, state} = resumed('end');
    checkpoint(100);
    expect(models.waiting).toEqual([]);
    checkpoint(200);
    models.end();
    expect(models.waiting).toEqual(['/checkpoint-200 1 latest']);
    expect(state.owed).toEqual([{kind: 'artifact', checkpoint: '/checkpoint-200 1 latest'}]);
  });

  it('goes at once with logModel "checkpoint"', () => {
    const {models, checkpoint} = resumed('checkpoint');
    checkpoint(100);
    expect(models.waiting).toEqual(['/checkpoint-100 1 latest']);
  });
});
