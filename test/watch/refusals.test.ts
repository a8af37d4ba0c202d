import {cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {beforeEach, describe, expect, it} from 'vitest';
import {writeSafetensors} from '../../src/models/index.js';
import {writeCheckpoint} from './checkpoint-writer.js';
import {noticesOf, useWatch, writeFile} from './use-watch.js';

const context = useWatch();
const {watch} = context;
let {folder, scratch}: {folder: string; scratch: string} = {} as never;
beforeEach(() => ({folder, scratch} = context));

const once = (options = {}) => watch({until: 'once', ...options});

describe('several trainings in one folder', () => {
  it('are refused with the list of folders to name, with and without a model at the top of each', async () => {
    for (const seed of [1, 2]) await writeCheckpoint(join(folder, `seed-${seed}`), 10);
    const refusal = `${join(folder, 'seed-1')} ${join(folder, 'seed-2')}`;
    await expect(once()).rejects.toMatchObject({
      code: 'bad_option',
      message: expect.stringContaining(refusal) as string,
    });
    for (const seed of ['seed-1', 'seed-2'])
      cpSync(join(folder, seed, 'checkpoint-10'), join(folder, seed), {recursive: true});
    await expect(once()).rejects.toThrow(refusal);
    await expect(watch({until: 'idle'})).rejects.toThrow(refusal);
  });

  it("are refused as Lightning's versions where these have a step in common", async () => {
    const version = (n: number) => join(folder, 'lightning_logs', `version_${n}`);
    await writeFile(join(version(0), 'checkpoints', 'epoch=0-step=10.safetensors'), {
      amount: 0.1,
      seconds: 60,
    });
    await writeFile(join(version(1), 'checkpoints', 'epoch=1-step=20.safetensors'), {
      amount: 0.2,
      seconds: 50,
    });
    expect((await once()).measured).toEqual([10, 20]);
    await writeFile(join(version(1), 'checkpoints', 'epoch=0-step=10.safetensors'), {
      amount: 0.3,
      seconds: 40,
    });
    await expect(once()).rejects.toThrow(`${version(0)} ${version(1)}`);
  });

  it('are passed over beside checkpoints of its own, as a backup of an older training is', async () => {
    await writeCheckpoint(folder, 10);
    const old = join(folder, 'old');
    cpSync(await writeCheckpoint(old, 20), old, {recursive: true});
    expect(await once()).toMatchObject({measured: [10], failed: []});
  });
});

it('refuses a file in place of a folder', async () => {
  writeFileSync(folder, '');
  await expect(once()).rejects.toMatchObject({
    code: 'bad_option',
    message: `${folder} is a file: name the training's output folder`,
  });
});

it('leaves out a checkpoint with a link that leads out of it, and shows nothing of what lies there', async () => {
  const secret = join(scratch, 'secret.json');
  writeFileSync(secret, 'root:x:0:0:token-123');
  for (const [step, name] of [
    [10, 'preprocessor_config.json'],
    [20, 'config.json'],
  ] as const) {
    const path = join(await writeCheckpoint(folder, step), name);
    rmSync(path);
    symlinkSync(secret, path);
  }
  const state = join(await writeCheckpoint(folder, 30), 'trainer_state.json');
  const row = {step: 30, loss: 123456};
  writeFileSync(join(scratch, 'state.json'), JSON.stringify({global_step: 30, log_history: [row]}));
  rmSync(state);
  symlinkSync(join(scratch, 'state.json'), state);
  const summary = await once();
  expect(summary.measured).toEqual([]);
  expect(summary.failed).toHaveLength(3);
  for (const {reason} of summary.failed) expect(reason).toContain('is a link that leaves the folder');
  expect(readFileSync(join(summary.folder, 'journal.jsonl'), 'utf8')).not.toMatch(/token-123|123456/);
});

it('says that an adapter was trained on another model than it is merged onto', async () => {
  const path = join(folder, 'checkpoint-10');
  mkdirSync(path, {recursive: true});
  const module = 'base_model.model.vit.encoder.layer.0.attention.attention.query';
  const ones = new Float32Array(16).fill(0.1);
  await writeSafetensors(join(path, 'adapter_model.safetensors'), new Map([
    [`${module}.lora_A.weight`, {shape: [1, 16], data: ones}],
    [`${module}.lora_B.weight`, {shape: [16, 1], data: ones}],
  ])); // prettier-ignore
  const config = {peft_type: 'LORA', r: 1, lora_alpha: 1};
  const state = JSON.stringify({global_step: 10, log_history: []});
  const put = (base: string): void => {
    writeFileSync(
      join(path, 'adapter_config.json'),
      JSON.stringify({...config, base_model_name_or_path: base}),
    );
    writeFileSync(join(path, 'trainer_state.json'), state);
  };
  put('somebody/tfjs-vit');
  const right = await once({run: 'right'});
  expect(right.measured).toEqual([10]);
  expect(await noticesOf(right, 'other_base')).toEqual([]);
  put('somebody/vit-large');
  expect(await noticesOf(await once({run: 'wrong'}), 'other_base')).toEqual([
    expect.stringMatching(/adapter of somebody\/vit-large .* name the right one with --pretrained/),
  ]);
});
