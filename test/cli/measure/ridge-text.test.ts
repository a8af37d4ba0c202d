import {expect, test} from 'vitest';
import {ridgeText} from '../../../src/cli/measure/ridge-text.js';

test('the console shows both accuracies, and both changes with their intervals', () => {
  const text = ridgeText({
    layers: ['block_00', 'norm'],
    ridge: [
      {
        baseline: {labels: 'class folders', classes: 10, chance: 0.1, accuracy: [0.5, null]},
        reading: {
          labels: 'class folders',
          accuracy: [0.625, null],
          change: [
            {status: 'scored', value: 0.125, low: -0.001, high: 0.25},
            {status: 'withheld', reason: 'the layer is constant or not finite'},
          ],
          kept: [
            {status: 'scored', value: -0.25, low: -0.375, high: -0.125},
            {status: 'withheld', reason: 'the layer is constant or not finite'},
          ],
        },
      },
    ],
  }).join('\n');
  expect(text).toMatch(/block_00 +0\.50 +0\.63 +\+0\.13 \[0\.00, \+0\.25\] +−0\.25 \[−0\.38, −0\.13\]/);
  expect(text).toMatch(/norm +– +– +withheld: the layer is constant or not finite/);
  expect(text).toContain('Ridge probes of class folders, 10 classes, chance 0.10');
});

test('the console says nothing of ridge probes without labels', () => {
  expect(ridgeText({layers: ['norm'], ridge: null})).toEqual([]);
});
