import {describe, expect, it} from 'vitest';
import {progressLine} from '../../src/cli/progress-line.js';
import {screen} from '../terminal/screen.js';

const inversion = {phase: 'inversion', layer: 'norm', total: 200, secondsLeft: 700} as const;

describe('the progress of a measurement', () => {
  it('is one line on a terminal: which layer, how far, how long; notices stand above it', () => {
    const terminal = screen();
    const progress = progressLine(terminal);
    progress.show({phase: 'estimate', layer: null, done: 0, total: 200, secondsLeft: 720});
    progress.show({...inversion, done: 1});
    progress.notice('4 probes are few');
    progress.show({...inversion, done: 2, secondsLeft: 95});
    const stays = ['200 gradient evaluations, about 12 min', '4 probes are few'];
    expect(terminal.lines).toEqual([...stays, 'inverting norm 2/200, 2 min left']);
    progress.end();
    expect(terminal.lines).toEqual(stays);
  });

  it('is told in a log as a long inversion begins and with each layer, and no more', () => {
    const log = screen({isTTY: false});
    const progress = progressLine(log);
    progress.show({phase: 'estimate', layer: null, done: 0, total: 200, secondsLeft: 720});
    for (const done of [1, 2, 200]) progress.show({...inversion, done, secondsLeft: 200 - done});
    progress.show({phase: 'reading', layer: 'norm', done: 1, total: 4, secondsLeft: null});
    progress.end();
    expect(log.lines).toEqual([
      expect.stringContaining('200 gradient evaluations, about 12 min'),
      'norm is inverted',
    ]);
  });
});
