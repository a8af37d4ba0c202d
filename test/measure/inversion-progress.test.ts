import {describe, expect, it} from 'vitest';
import {createInversionProgress} from '../../src/measure/inversion-progress.js';
import {createNotices} from '../../src/tracker/notices.js';
import type {Progress} from '../../src/measure/progress.js';

function told(progress: Partial<Progress>[], {quiet = false}: {quiet?: boolean} = {}) {
  const printed: string[] = [];
  const recorded: string[] = [];
  const notices = createNotices({
    emit: ({message}) => recorded.push(message),
    print: line => printed.push(line),
    now: () => 0,
    strict: false,
    quiet,
  });
  const tell = createInversionProgress((message, options) =>
    notices.raise('info', 'inversion', message, options),
  );
  for (const one of progress)
    tell({phase: 'inversion', layer: null, done: 0, total: 200, secondsLeft: null, ...one});
  return {printed, recorded};
}

describe('the inversion', () => {
  it('says once and aloud how long it takes, and on record which layers are done', () => {
    const {printed, recorded} = told([
      {phase: 'estimate', secondsLeft: 720},
      {layer: 'norm', done: 1, secondsLeft: 700},
      {layer: 'norm', done: 100, secondsLeft: 300},
      {layer: 'block_00', done: 101, secondsLeft: 290},
      {layer: 'block_00', done: 200, secondsLeft: 0},
      {phase: 'baseline', layer: 'block_00', done: 1, total: 4},
    ]);
    expect(printed).toEqual([
      'wandb-invariance: the pretrained layers are inverted now, once for this model and these probes: ' +
        '200 gradient evaluations, about 12 min; readings come in after that',
    ]);
    expect(recorded.slice(1)).toEqual(['norm is inverted; about 5 min left', 'block_00 is inverted']);
  });

  it('is on record only, where the user wants quiet', () => {
    const {printed, recorded} = told([{phase: 'estimate', secondsLeft: 720}], {quiet: true});
    expect([printed.length, recorded.length]).toEqual([0, 1]);
  });

  it('is not worth a word where it takes seconds', () => {
    const {printed, recorded} = told([
      {phase: 'estimate', secondsLeft: 4},
      {layer: 'norm', done: 100},
      {layer: 'block_00', done: 200},
    ]);
    expect([printed, recorded]).toEqual([[], []]);
  });
});
