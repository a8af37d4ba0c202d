import {existsSync} from 'node:fs';
import {cp, readFile, rename, rm, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {
  findCheckpoints,
  openModelFolder,
  openSafetensors,
  writeSafetensors,
  type TensorSource,
} from '../../src/models/index.js';
import {adapterConfigOf} from '../../src/models/adapters/adapter-config.js';
import {readJson} from '../../src/models/folders/json-file.js';
import {mergeAdapter} from '../../src/models/adapters/merge-adapter.js';
import {fixtures, rejection, scratch} from './scratch.js';

const whole = join(fixtures, 'whole');

async function expectMerged(tensors: TensorSource, oracle: string): Promise<void> {
  const expected = await openSafetensors(oracle);
  expect([...tensors.names()].sort()).toEqual([...expected.names()].sort());
  for (const name of expected.names()) {
    const [got, want] = [await tensors.read(name), await expected.read(name)];
    expect(got.shape).toEqual(want.shape);
    const error = Math.max(...(got.data as Float32Array).map((x, i) => Math.abs(x - Number(want.data[i]))));
    expect(error, name).toBeLessThan(1e-6);
  }
  await Promise.all([tensors.close(), expected.close()]);
}

/** A copy of an adapter with another configuration. */
async function adapterWith(name: string, changes: object): Promise<string> {
  const folder = join(await scratch(), name);
  await cp(join(fixtures, name), folder, {recursive: true});
  const path = join(folder, 'adapter_config.json');
  const config = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({...config, ...changes}));
  return folder;
}

describe('an adapter merges to what PEFT merges it to', () => {
  test.each([
    ...['lora', 'rslora', 'dora', 'biases', 'trained-biases', 'new-head'],
    ...['adalora', 'ia3', 'loha', 'lokr', 'lokr-both', 'oft', 'oft-three', 'oft-shared'],
  ])('%s', async kind => {
    const {tensors} = await openModelFolder(join(fixtures, `adapter-${kind}`), {base: whole});
    await expectMerged(tensors, join(fixtures, `adapter-${kind}-merged/model.safetensors`));
  });

  test('but for an update of a new classifier, whose own weights are in no file', async () => {
    const folder = '../shared/cases/peft-lora-on-new-head';
    if (!existsSync(folder)) return void console.log(`skipped: ${folder} is not there`);
    const {tensors} = await openModelFolder(`${folder}/out/checkpoint-10`, {base: `${folder}/pretrained`});
    for (const name of tensors.names()) await tensors.read(name);
    expect(tensors.names().filter(name => name.includes('lora'))).toEqual([]);
    await tensors.close();
  });

  describe('one with a name, which PEFT saves a folder deeper,', () => {
    const withNamed = async (...names: string[]) => {
      const checkpoint = join(await scratch(), 'checkpoint-10');
      for (const name of names)
        await cp(join(fixtures, 'adapter-lora'), join(checkpoint, name), {recursive: true});
      return checkpoint;
    };
    const expected = join(fixtures, 'adapter-lora-merged/model.safetensors');

    test('is taken where it is the only one, and its checkpoint is complete', async () => {
      const checkpoint = await withNamed('birds');
      await expectMerged((await openModelFolder(checkpoint, {base: whole})).tensors, expected);
      const [found] = await findCheckpoints(dirname(checkpoint), {now: () => Date.now() + 60_000});
      expect(found).toMatchObject({path: checkpoint, complete: true, step: 10});
      await rm(join(checkpoint, 'birds/adapter_model.safetensors'));
      expect(await findCheckpoints(dirname(checkpoint), {now: () => Date.now() + 60_000})).toMatchObject([
        {complete: false},
      ]);
    });

    test('is chosen by its name where there are several', async () => {
      const checkpoint = await withNamed('birds', 'cats');
      await expect(openModelFolder(checkpoint, {base: whole})).rejects.toThrow(
        /holds the adapters birds, cats; choose one with --adapter/,
      );
      await expect(openModelFolder(checkpoint, {base: whole, adapter: 'dogs'})).rejects.toThrow(
        /birds, cats, and none that is called dogs/,
      );
      const {tensors} = await openModelFolder(checkpoint, {base: whole, adapter: 'cats'});
      await expectMerged(tensors, expected);
    });

    test('goes before the one without a name only where it is asked for', async () => {
      const checkpoint = await withNamed('birds', '.');
      await rm(join(checkpoint, 'birds/adapter_model.safetensors'));
      await expectMerged((await openModelFolder(checkpoint, {base: whole})).tensors, expected);
      await expect(openModelFolder(checkpoint, {base: whole, adapter: 'birds'})).rejects.toThrow('birds');
    });
  });

  test('one that is a pickle says how it is converted', async () => {
    const folder = await adapterWith('adapter-lora', {});
    await rename(join(folder, 'adapter_model.safetensors'), join(folder, 'adapter_model.bin'));
    const said = /adapter_model\.bin: is a Python pickle.*wandb-invariance convert/;
    await expect(openModelFolder(folder, {base: whole})).rejects.toThrow(said);
  });

  test.each(['transposed', 'transposed-dora'])('%s: weights stored [in, out]', async kind => {
    const base = await openSafetensors(join(fixtures, 'transposed.safetensors'));
    const adapter = await openSafetensors(join(fixtures, `adapter-${kind}/adapter_model.safetensors`));
    const config = adapterConfigOf(
      (await readJson(join(fixtures, `adapter-${kind}/adapter_config.json`)))!,
      kind,
    );
    await expectMerged(
      mergeAdapter({base, adapter, config}),
      join(fixtures, `adapter-${kind}-merged/model.safetensors`),
    );
  });

  test('the base is the one that the adapter names, unless another is given', async () => {
    const folder = join(fixtures, 'adapter-lora');
    const {config, tensors} = await openModelFolder(folder);
    expect(config['model_type']).toBe('vit');
    await expectMerged(tensors, join(fixtures, 'adapter-lora-merged/model.safetensors'));
  });

  test('names of older transformers, with and without a prefix, are found too', async () => {
    const folder = await adapterWith('adapter-lora', {});
    const path = join(folder, 'adapter_model.safetensors');
    const adapter = await openSafetensors(path);
    const older = new Map();
    for (const name of adapter.names()) {
      const renamed = name
        .replace('vit.layers', 'encoder.layer')
        .replace('attention.q_proj', 'attention.attention.query')
        .replace('attention.v_proj', 'attention.attention.value');
      older.set(renamed, await adapter.read(name));
    }
    await adapter.close();
    await writeSafetensors(path, older);
    const {tensors} = await openModelFolder(folder, {base: whole});
    await expectMerged(tensors, join(fixtures, 'adapter-lora-merged/model.safetensors'));
  });
});

describe('an adapter that cannot be merged is refused before anything is read', () => {
  test('one for a base of another size, with tensor and both shapes', async () => {
    const base = join(await scratch(), 'wider');
    await cp(whole, base, {recursive: true});
    const model = await openSafetensors(join(whole, 'model.safetensors'));
    const wider = new Map();
    for (const name of model.names()) wider.set(name, await model.read(name));
    await model.close();
    const query = 'vit.encoder.layer.0.attention.attention.query.weight';
    wider.set(query, {shape: [12, 12], data: new Float32Array(144)});
    await writeSafetensors(join(base, 'model.safetensors'), wider);
    expect(await rejection(openModelFolder(join(fixtures, 'adapter-lora'), {base}))).toMatchObject({
      code: 'bad_weights',
      message: expect.stringMatching(
        /another base: tensor "vit.*query\.weight" is \[12, 12\] there, but lora_B · lora_A is \[8, 8\]/,
      ),
    });
  });

  test('one for a base of another architecture', async () => {
    const base = join(await scratch(), 'other');
    await cp(whole, base, {recursive: true});
    await writeSafetensors(
      join(base, 'model.safetensors'),
      new Map([['conv1.weight', {shape: [1], data: new Float32Array(1)}]]),
    );
    expect(await rejection(openModelFolder(join(fixtures, 'adapter-lora'), {base}))).toMatchObject({
      message: expect.stringMatching(
        /another base: it changes vit\.layers\.0\.attention\.q_proj, of which the base has no weight/,
      ),
    });
  });

  test.each([
    [{peft_type: 'VERA'}, /peft_type "VERA" is not merged here.*merge_and_unload/],
    [{peft_type: 'PROMPT_TUNING'}, /PROMPT_TUNING puts trained tokens beside the model's own/],
    [{peft_type: 'OFT', coft: true}, /constrains its rotation \(coft\).*merge_and_unload/],
    [
      {init_lora_weights: 'pissa'},
      /init_lora_weights "pissa" changed the base.*path_initial_model_for_weight_conversion/,
    ],
    [{layer_replication: [[0, 1]]}, /layer_replication is not merged here/],
    [{r: 3}, /promises rank 3 for vit\..*, but its lora_A has 2/],
    [{rank_pattern: {k_proj: 9, q_proj: 4}}, /promises rank 4 for vit\.layers\.0\.attention\.q_proj/],
    [{rank_pattern: {'(': 4}}, /which is not a regular expression/],
    [{use_dora: true}, /has no lora_magnitude_vector for vit/],
    [{lora_alpha: 'x'}, /lora_alpha "x"/],
    [{r: 0}, /has r 0, which must be above 0/],
    [{r: -2}, /has r -2, which must be above 0/],
    [{lora_alpha: 0}, /has lora_alpha 0, which must be above 0/],
    [{lora_alpha: -4}, /has lora_alpha -4, which must be above 0/],
    [{rank_pattern: {q_proj: 0}}, /rank_pattern has 0 for q_proj, which must be above 0/],
    [{alpha_pattern: {q_proj: -1}}, /alpha_pattern has -1 for q_proj, which must be above 0/],
    [
      {base_model_name_or_path: 'no/such-model'},
      /adapter of no\/such-model, which is neither a folder nor in the cache/,
    ],
    [{base_model_name_or_path: null}, /names no base/],
  ])('%j', async (changes, message) => {
    const folder = await adapterWith('adapter-lora', changes);
    const base = 'base_model_name_or_path' in changes ? undefined : whole;
    const error = await rejection(openModelFolder(folder, base === undefined ? {} : {base}));
    expect(error).toMatchObject({code: 'bad_weights', message: expect.stringMatching(message)});
  });

  test('one without its weights', async () => {
    const folder = await adapterWith('adapter-lora', {});
    await rm(join(folder, 'adapter_model.safetensors'));
    expect(await rejection(openModelFolder(folder, {base: whole}))).toMatchObject({
      code: 'bad_weights',
      message: expect.stringMatching(/adapter_model\.safetensors: cannot be opened/),
    });
  });
});
