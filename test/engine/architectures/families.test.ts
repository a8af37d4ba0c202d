import {readdirSync, readFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {families, familyOf} from '../../../src/engine/architectures/families.js';

/** Rows of the table, cell by cell. */
const rows = readFileSync('docs/architectures.md', 'utf8')
  .split('\n')
  .filter(line => line.startsWith('|'))
  .slice(2)
  .map(line =>
    line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim()),
  );

const code = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text!);

describe('docs/architectures.md', () => {
  it('lists every architecture with its model_type, and no other', () => {
    const listed = rows.map(([name, types]) => [name, code(types!)]);
    expect(listed).toEqual(families.map(({name, modelTypes}) => [name, modelTypes]));
  });

  it('lists every fixture that is compared with Python, and no other', () => {
    const listed = rows.flatMap(cells => code(cells.at(-1)!));
    expect(listed.toSorted()).toEqual(readdirSync('test/fixtures/architectures').toSorted());
  });
});

describe('familyOf', () => {
  it('finds each architecture by each of its model types', () => {
    for (const family of families) {
      for (const type of family.modelTypes) expect(familyOf({model_type: type})).toBe(family);
    }
  });

  it("takes a config.json with timm's architecture for timm's", () => {
    expect(familyOf({architecture: 'vit_tiny_patch16_224'}).name).toBe('timm');
  });

  it('refuses any other with the list of those that are known', () => {
    expect(() => familyOf({model_type: 'swin'})).toThrow(
      'unknown model_type "swin" in config.json; known are beit, clip, clip_vision_model, deit, dinov2',
    );
    expect(() => familyOf({})).toThrow('unknown model_type null');
  });
});

describe('timm', () => {
  const refusal = (architecture: string, args = {}) => {
    const tensors = {has: () => true, names: () => [], info: () => ({shape: [1, 16, 4, 4]})} as never;
    return () => familyOf({architecture}).spec({architecture, model_args: args}, tensors);
  };

  it.each([
    ['eva02_tiny_patch14_336.mim_in22k_ft_in1k', 'it has rotary positions'],
    ['vit_base_patch16_dinov3', 'it has rotary positions'],
    ['vit_tiny_r_s16_p8_224', 'its patches come from a convolutional stem'],
    ['eva02_enormous_patch14_clip_224', 'its blocks are EvaBlockPostNorm'],
    ['vit_base_patch16_18x2_224', 'its blocks are ParallelThingsBlock'],
    ['aimv2_large_patch14_224', 'it normalises by RmsNorm'],
  ])('refuses %s, whose tensors could pass for a plain ViT: %s', (architecture, why) => {
    expect(refusal(architecture)).toThrow(`${architecture.split('.')[0]} of timm: ${why}`);
  });

  it('refuses a name and an argument that it does not know, with what to write', () => {
    expect(refusal('vit_of_mine')).toThrow(
      /vit_of_mine of timm: not known; give as architecture in config\.json/,
    );
    expect(refusal('vit_tiny_patch16_224', {qk_norm: true})).toThrow(
      'model_args has qk_norm true, which is not known',
    );
    expect(refusal('vit_tiny_patch16_224', {global_pool: 'avgmax'})).toThrow(
      'global_pool "avgmax" is not known',
    );
  });
});
