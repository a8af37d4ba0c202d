import {describe, expect, it} from 'vitest';
import {selectLayers} from '../../src/engine/select-layers.js';

const layers = ['block_00', 'block_01', 'block_10', 'head.norm', 'headXnorm'];
const parted = ['block_00/attention', 'block_00/mlp', 'block_00', 'norm'];

describe('selectLayers', () => {
  it('takes every layer where nothing is selected', () => {
    expect(selectLayers(layers)).toEqual(layers);
  });

  it.each([
    ['a name', ['block_01'], ['block_01']],
    ['a glob of any length', ['block_*'], ['block_00', 'block_01', 'block_10']],
    ['a glob of one character', ['block_0?'], ['block_00', 'block_01']],
    ['a glob of some characters', ['block_[01]0', 'block_0[1-9]'], ['block_00', 'block_01', 'block_10']],
    ['a regular expression', [/0$/], ['block_00', 'block_10']],
    ['a regular expression that keeps its place', [/block/g], ['block_00', 'block_01', 'block_10']],
    [
      'several, each layer once and in the order of the model',
      ['block_10', 'block_*0'],
      ['block_00', 'block_10'],
    ],
    ['a dot that is a dot', ['head.norm'], ['head.norm']],
  ])('takes %s', (_, selection, expected) => {
    expect(selectLayers(layers, selection)).toEqual(expected);
  });

  it.each([
    ['*', ['block_00', 'norm']],
    ['block_*', ['block_00']],
    ['block_*/mlp', ['block_00/mlp']],
    ['block_00/?????????', ['block_00/attention']],
    ['**', parted],
  ])('lets * and ? stand for no slash, and ** for anything: %s', (glob, expected) => {
    expect(selectLayers(parted, [glob])).toEqual(expected);
  });

  it('refuses an entry that matches nothing, even beside one that does, and lists the layers', () => {
    expect(() => selectLayers(layers, ['block_00', 'blok_*'])).toThrow(
      'no layer matches blok_*; the layers are block_00, block_01, block_10, head.norm, headXnorm',
    );
    expect(() => selectLayers(layers, [])).toThrow('no layer selected');
  });
});
