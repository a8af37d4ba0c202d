import {existsSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest';
import {openModelFolder, writeModelFolder} from '../../../src/models/index.js';
import {openOrtEngine, readWeights, type OrtEngine, type Weights} from '../../../src/engine/index.js';
import {imagesFor} from '../contract.js';
import {readTensors} from '../tensors.js';

const fixtures = 'test/fixtures/architectures';

interface Contents {
  config: Record<string, unknown>;
  tensors: Map<string, {shape: readonly number[]; data: Float32Array}>;
}

describe('readWeights', () => {
  let scratch: string;
  let engine: OrtEngine;
  beforeAll(async () => {
    engine = await openOrtEngine({folder: `${fixtures}/vit`});
  });
  afterAll(() => engine.dispose());
  beforeEach(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'weights-'));
  });
  afterEach(() => rm(scratch, {recursive: true}));

  /** The ViT fixture with something changed. */
  async function changed(change: (contents: Contents) => Partial<Contents>): Promise<string> {
    const model = await openModelFolder(`${fixtures}/vit`);
    await model.tensors.close();
    const contents = {config: model.config, tensors: await readTensors(`${fixtures}/vit/model.safetensors`)};
    const folder = join(scratch, 'model');
    await writeModelFolder(folder, {
      ...contents,
      preprocessor: model.preprocessor,
      ...(change(contents) as typeof contents),
    });
    return folder;
  }
  const renamed = (rename: (name: string) => string) =>
    changed(({tensors}) => ({
      tensors: new Map([...tensors].map(([name, tensor]) => [rename(name), tensor] as const)),
    }));
  const tensor = (name: string, change: (tensor: {shape: readonly number[]; data: Float32Array}) => object) =>
    changed(({tensors}) => ({
      tensors: new Map(tensors).set(name, {...tensors.get(name)!, ...change(tensors.get(name)!)}),
    }));
  const config = (change: object) => changed(({config}) => ({config: {...config, ...change}}));

  const plain = (weights: Weights) =>
    new Map(weights.map(({name, shape, data}) => [name, {shape, data: Array.from(data)}]));

  it('reads the names of transformers on disk and in memory, with and without prefix, and those of timm alike', async () => {
    const expected = plain(await readWeights(`${fixtures}/vit`));
    const inMemory = await renamed(name =>
      name
        .replace('encoder.layer.', 'layers.')
        .replace('attention.attention.query', 'attention.q_proj')
        .replace('attention.attention.key', 'attention.k_proj')
        .replace('attention.attention.value', 'attention.v_proj')
        .replace('attention.output.dense', 'attention.o_proj')
        .replace('intermediate.dense', 'mlp.fc1')
        .replace('output.dense', 'mlp.fc2'),
    );
    expect(plain(await readWeights(inMemory))).toEqual(expected);
    expect(plain(await readWeights(await renamed(name => name.replace('vit.', ''))))).toEqual(expected);
    const timm = await changed(({tensors}) => ({tensors: asTimm(tensors)}));
    expect(plain(await readWeights(timm))).toEqual(expected);
  });

  it('says of each weight the first layer that sees it, and null of the classifier', async () => {
    const owners = new Map((await readWeights(`${fixtures}/vit`)).map(({name, layer}) => [name, layer]));
    expect(owners.get('pos_embed')).toBe('block_00');
    expect(owners.get('blocks.1.attn.q.weight')).toBe('block_01');
    expect(owners.get('norm.bias')).toBe('norm');
    expect(owners.get('head.weight')).toBeNull();
    const folder = `${fixtures}/vit`;
    const last = await openOrtEngine({folder, layers: ['block_01']});
    const like = new Map((await readWeights(folder, {like: last})).map(({name, layer}) => [name, layer]));
    expect(like.get('pos_embed')).toBe('block_01');
    expect(like.get('norm.bias')).toBeNull();
    await last.dispose();
  });

  it('reads a folder without a classifier, or with another number of classes', async () => {
    const bare = await changed(({tensors}) => ({
      tensors: new Map([...tensors].filter(([name]) => !name.startsWith('classifier'))),
    }));
    expect((await readWeights(bare, {like: engine})).length).toBe(engine.weights().length - 2);
    const wide = await tensor('classifier.weight', () => ({shape: [5, 16], data: new Float32Array(80)}));
    engine.setWeights(await readWeights(wide, {like: engine}));
    engine.setWeights(await readWeights(`${fixtures}/vit`));
  });

  it('interpolates position embeddings to the size of the engine that is given', async () => {
    const larger = await openOrtEngine({folder: `${fixtures}/vit-larger`});
    const said: string[] = [];
    const onNotice = (_: string, message: string) => said.push(message);
    const weights = await readWeights(`${fixtures}/vit`, {like: larger, onNotice});
    expect(said).toEqual([expect.stringContaining('positions are resized')]);
    expect(weights.find(({name}) => name === 'pos_embed')!.shape).toEqual([1 + 5 * 4, 16]);
    expect(() => larger.setWeights(weights)).not.toThrow();
    await larger.dispose();
  });

  const refusal = async (folder: string | Promise<string>) => {
    const error: unknown = await readWeights(await folder, {like: engine}).catch((thrown: unknown) => thrown);
    return error as {code: string; message: string};
  };

  it('lists the tensors that are missing', async () => {
    const error = await refusal(
      changed(({tensors}) => ({
        tensors: new Map([...tensors].filter(([name]) => !name.includes('.1.attention'))),
      })),
    );
    expect(error).toMatchObject({code: 'bad_weights'});
    expect(error.message).toContain('lacks 8 of');
    expect(error.message).toContain('vit.encoder.layer.1.attention.attention.query.weight');
    expect(error.message).toContain('and 3 more');
  });

  it.each([
    ['_orig_mod.', (name: string) => name],
    ['module.', (name: string) => name],
    ['module._orig_mod.model.', (name: string) => name],
    ['net.backbone.', (name: string) => name.replace('vit.', '')],
  ])('reads a model that a wrapper put under %s, and says so', async (outer, inner) => {
    const said: string[] = [];
    const wrapped = await renamed(name => outer + inner(name));
    const read = await readWeights(wrapped, {like: engine, onNotice: (_, message) => said.push(message)});
    expect(plain(read)).toEqual(plain(await readWeights(`${fixtures}/vit`, {like: engine})));
    expect(said).toEqual([expect.stringContaining(`prefix "${outer}"`)]);
  });

  it('asks for the prefix where a file holds the model twice, and takes the one that is named', async () => {
    const twice = await changed(({tensors}) => ({
      tensors: new Map(
        [...tensors].flatMap(([name, tensor]) => [
          [`model.${name}`, tensor],
          [`ema_model.${name}`, {...tensor, data: tensor.data.map(value => 2 * value)}],
        ]),
      ),
    }));
    expect((await refusal(twice)).message).toMatch(
      /prefixes "model\.", "ema_model\."; choose one with --prefix/,
    );
    const bias = (weights: Weights) => weights.find(({name}) => name === 'norm.bias')!.data;
    const own = bias(await readWeights(`${fixtures}/vit`));
    expect(bias(await readWeights(twice, {prefix: 'ema_model.'}))).toEqual(own.map(value => 2 * value));
    expect(bias(await readWeights(twice, {prefix: 'model.'}))).toEqual(own);
    expect(bias(await readWeights(`${fixtures}/vit`, {prefix: 'ema_model.'}))).toEqual(own);
  });

  it('leaves out what no measured layer depends on, and says why: a NaN in the classifier, another norm', async () => {
    const said: string[] = [];
    const options = {like: engine, onNotice: (_: string, message: string) => said.push(message)};
    const diverged = await tensor('classifier.bias', ({data}) => ({data: data.with(0, NaN)}));
    expect((await readWeights(diverged, options)).map(({name}) => name)).not.toContain('head.bias');
    expect(said).toEqual([expect.stringMatching(/classifier\.bias.* NaN.*No measured layer/)]);
    const blocks = await openOrtEngine({folder: `${fixtures}/vit`, layers: ['block_*']});
    const without = await changed(({tensors}) => ({
      tensors: new Map([...tensors].filter(([name]) => !name.startsWith('vit.layernorm'))),
    }));
    blocks.setWeights(await readWeights(without, {like: blocks}));
    expect((await refusal(without)).message).toContain('lacks 2 of');
    await blocks.dispose();
  });

  it('reads the blocks of a finetune whose classifier reads the mean, and says that only norm is in the way', async () => {
    const cases = '../shared/cases/timm-avg-pool-finetune';
    if (!existsSync(cases)) return void console.log(`skipped: ${cases} is not there`);
    const [folder, finetune] = [`${cases}/pretrained`, `${cases}/out/checkpoint-0.safetensors`];
    const blocks = await openOrtEngine({folder, layers: ['block_*']});
    blocks.setWeights(await readWeights(finetune, {like: blocks, base: folder}));
    const all = await openOrtEngine({folder});
    await expect(readWeights(finetune, {like: all, base: folder})).rejects.toThrow(/--layers 'block_\*'/);
    await Promise.all([blocks.dispose(), all.dispose()]);
  });

  it('measures the blocks of a pretrained model that has no norm, and says so where norm is asked for', async () => {
    const without = await changed(({tensors}) => ({
      tensors: new Map([...tensors].filter(([name]) => !name.startsWith('vit.layernorm'))),
    }));
    await expect(openOrtEngine({folder: without})).rejects.toThrow(
      /lacks 2 of \d+ tensors: vit\.layernorm\.weight, .*its blocks can be measured: --layers 'block_\*'/,
    );
    const blocks = await openOrtEngine({folder: without, layers: ['block_*']});
    blocks.setWeights(await readWeights(`${fixtures}/vit`, {like: blocks}));
    expect(blocks.layers).toEqual(['block_00', 'block_01']);
    await blocks.dispose();
  });

  it('names a placeholder of ZeRO-3 as what it is, with the command that gathers the weights', async () => {
    const empty = await tensor('vit.layernorm.bias', () => ({shape: [0], data: new Float32Array(0)}));
    expect((await refusal(empty)).message).toMatch(/ZeRO-3.* python zero_to_fp32\.py/);
  });

  it('names a tensor of the wrong shape, with both shapes', async () => {
    const name = 'vit.encoder.layer.0.intermediate.dense.weight';
    const {message} = await refusal(tensor(name, () => ({shape: [12, 16], data: new Float32Array(192)})));
    expect(message).toContain(`${name} has shape [12, 16] where [24, 16] is expected`);
  });

  it('names a tensor that is not finite', async () => {
    const name = 'vit.layernorm.bias';
    const {message, code} = await refusal(tensor(name, ({data}) => ({data: data.with(3, NaN)})));
    expect(code).toBe('bad_weights');
    expect(message).toMatch(/vit\.layernorm\.bias.* NaN/);
  });

  it('refuses a model_type that is not known, with those that are', async () => {
    const {message, code} = await refusal(config({model_type: 'swin'}));
    expect(code).toBe('bad_model');
    expect(message).toContain('is a model of type swin');
    expect(message).toMatch(/beit, clip, .*dinov2_with_registers, .*vit, vit_mae/);
  });

  it.each([
    ['fewer blocks', {num_hidden_layers: 1}, 'vit.encoder.layer.1.'],
    ['more blocks', {num_hidden_layers: 3}, 'depth is 3 instead of 2'],
    ['another width', {hidden_size: 32}, '[16'],
    ['another image size', {image_size: 24}, '[37, 16]'],
    ['other heads', {num_attention_heads: 4}, 'heads is 4 instead of 2'],
    ['another activation', {hidden_act: 'relu'}, 'activation is "relu" instead of "gelu"'],
    ['no biases', {qkv_bias: false}, '.bias, for which the architecture'],
    ['heads that do not divide the width', {num_attention_heads: 3}, '16 does not divide into 3 heads'],
    ['no blocks', {num_hidden_layers: 0}, 'depth is 0'],
    ['a billion blocks', {num_hidden_layers: 1e9}, '1000000000 blocks, but only'],
    ['patches larger than the image', {patch_size: 64}, 'no patch of 64 fits'],
    ['a number that is none', {hidden_size: 'wide'}, 'hidden_size "wide"'],
    ['an activation that is not known', {hidden_act: 'mish'}, 'known are gelu'],
    ['oblong patches', {patch_size: [4, 2]}, 'square'],
  ])('refuses a config.json that lies: %s', async (_, lie, said) => {
    expect((await refusal(config(lie))).message).toContain(said);
  });

  it('refuses a folder of another architecture than the engine, and says in what they differ', async () => {
    expect(await refusal(`${fixtures}/dinov2`)).toMatchObject({
      code: 'bad_model',
      message: expect.stringContaining('another architecture than the pretrained model'),
    });
  });

  it('weights that were read compute the same as the engine that opened them', async () => {
    const images = imagesFor(engine, 3, 1);
    const before = await engine.features(images, 'norm');
    const weights = await readWeights(`${fixtures}/vit`, {like: engine});
    engine.setWeights(engine.randomWeights(1));
    engine.setWeights(weights);
    expect(await engine.features(images, 'norm')).toEqual(before);
  });
});

/** transformers' names on disk to timm's, with query, key and value fused. */
function asTimm(tensors: Contents['tensors']): Contents['tensors'] {
  const renamed: Contents['tensors'] = new Map();
  for (const [name, tensor] of tensors) {
    const timm = name
      .replace('vit.', '')
      .replace('embeddings.cls_token', 'cls_token')
      .replace('embeddings.position_embeddings', 'pos_embed')
      .replace('embeddings.patch_embeddings.projection', 'patch_embed.proj')
      .replace('encoder.layer.', 'blocks.')
      .replace('layernorm_before', 'norm1')
      .replace('layernorm_after', 'norm2')
      .replace('layernorm', 'norm')
      .replace('attention.output.dense', 'attn.proj')
      .replace('intermediate.dense', 'mlp.fc1')
      .replace('output.dense', 'mlp.fc2')
      .replace('classifier', 'head');
    if (!timm.includes('attention.attention')) renamed.set(timm, tensor);
    if (!timm.includes('query')) continue;
    const parts = ['query', 'key', 'value'].map(part => tensors.get(name.replace('query', part))!);
    renamed.set(timm.replace('attention.attention.query', 'attn.qkv'), {
      shape: tensor.shape.with(0, 3 * tensor.shape[0]!),
      data: Float32Array.from(parts.flatMap(({data}) => Array.from(data))),
    });
  }
  return renamed;
}
