import {readdirSync, readFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {architecturesPage} from '../../../scripts/architecture-table.js';
import {families, familyOf} from '../../../src/engine/architectures/families.js';

describe('docs/architectures.md', () => {
  it('lists every architecture with its model types, its layer norm, and every model that is compared with Python', async () => {
    const page = readFileSync('docs/architectures.md', 'utf8');
    expect(page).toBe(await architecturesPage());
    for (const {name} of families) expect(page).toContain(`| ${name} |`);
    for (const fixture of readdirSync('test/fixtures/architectures'))
      expect(page).toContain(`\`${fixture}\``);
  });

  it('has at least one such model for each architecture', () => {
    const rows = readFileSync('docs/architectures.md', 'utf8')
      .split('\n')
      .filter(line => line.startsWith('| '));
    for (const row of rows.slice(2)) expect(row).toMatch(/`[\w-]+` \((transformers|timm) [\d.]+\)/);
  });
});

describe('familyOf', () => {
  it('finds each architecture by each of its model types', () => {
    for (const family of families) {
      for (const type of family.modelTypes) expect(familyOf({model_type: type}).family).toBe(family);
    }
  });

  it("takes a config.json with timm's architecture for timm's", () => {
    expect(familyOf({architecture: 'vit_tiny_patch16_224'}).family.name).toBe('timm');
  });

  it.each([
    ['llava', 'vision_config', 'siglip_vision_model', 'SigLIP vision'],
    ['vision-encoder-decoder', 'encoder', 'deit', 'DeiT'],
    ['depth_anything', 'backbone_config', 'dinov2', 'DINOv2'],
    ['perception_lm', 'vision_config', 'timm_wrapper', 'timm'],
  ])('finds inside %s the %s, %s', (outer, key, inner, name) => {
    const part = {model_type: inner, hidden_size: 7};
    const found = familyOf({model_type: outer, hidden_size: 5, [key]: part});
    expect([found.family.name, found.config]).toEqual([name, part]);
  });

  it('takes the part of an older CLIP, which names no type of its own', () => {
    const part = {hidden_size: 7};
    expect(familyOf({model_type: 'clip', vision_config: part})).toMatchObject({
      config: part,
      family: {name: 'CLIP vision'},
    });
  });

  it.each([
    [{model_type: 'swin'}, 'models/mine is a model of type swin: its resolution falls from stage to stage'],
    [{model_type: 'convnext'}, 'models/mine is a model of type convnext: it is convolutional'],
    [
      {model_type: 'upernet', backbone_config: {model_type: 'swin'}},
      'models/mine is a model of type upernet, whose backbone_config is swin: its resolution falls',
    ],
    [
      {model_type: 'dpt', backbone_config: {model_type: 'bit'}},
      'of type dpt, whose backbone_config is bit: it is conv',
    ],
    [
      {model_type: 'qwen2_vl', vision_config: {model_type: 'qwen2_vl_vision'}},
      'of type qwen2_vl, whose vision_config is qwen2_vl_vision: its vision tower is of its own kind',
    ],
    [{model_type: 'bert'}, 'of type bert: it sees no images'],
    [{model_type: 'mine'}, 'of type mine. Known are aimv2'],
    [{}, 'names no model_type in its config.json. Known are aimv2'],
  ])('refuses %j with the folder, the type, the reason and the way out', (config, message) => {
    const refusal = () => familyOf(config, 'models/mine');
    expect(refusal).toThrow(message);
    expect(refusal).toThrow('save that part to a folder of its own');
  });
});

describe('timm', () => {
  const refusal = (architecture: string, args = {}) => {
    const tensors = {has: () => true, names: () => [], info: () => ({shape: [1, 16, 4, 4]})} as never;
    return () => familyOf({architecture}).family.spec({architecture, model_args: args}, tensors);
  };

  it.each([
    ['vit_tiny_r_s16_p8_224.augreg_in21k', 'its patches come from a convolutional stem'],
    ['vit_base_patch16_18x2_224', 'its blocks are ParallelThingsBlock'],
    ['vit_base_patch16_sapiens2', 'it normalises queries and keys'],
    ['vit_5b_patch16_sapiens2', 'its queries share keys and values'],
    ['vit_dwee_patch16_reg1_gap_256', 'its attention is DiffAttention'],
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
    for (const [name, off] of [
      ['eva02_tiny_patch14_224', 'use_rot_pos_emb'],
      ['vit_small_patch16_dinov3', 'rope_rotate_half'],
      ['eva02_enormous_patch14_clip_224', 'use_post_norm'],
    ] as const)
      expect(refusal(name, {[off]: false})).toThrow(`model_args has ${off} false, which is not known`);
    expect(refusal('vit_tiny_patch16_224', {global_pool: 'avgmax'})).toThrow(
      'global_pool "avgmax" is not known',
    );
  });
});
