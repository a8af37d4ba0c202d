import {expect, it} from 'vitest';
import {runsFolder} from '../src/runs-folder.js';

it('run folders stand in invariance/, under WANDB_DIR where it is set', () => {
  expect(runsFolder({})).toBe('invariance');
  expect(runsFolder({WANDB_DIR: '/scratch'})).toBe('/scratch/invariance');
});
