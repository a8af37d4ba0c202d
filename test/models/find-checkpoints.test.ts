import {
  appendFile,
  cp,
  mkdir,
  readdir,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {
  findCheckpoints,
  findTrainings,
  type Checkpoint,
  type CheckpointMemory,
} from '../../src/models/index.js';
import {fixtures, rejection, scratch} from './scratch.js';

const later = () => Date.now() + 3_600_000;

async function put(path: string, fixture = 'whole'): Promise<string> {
  await cp(join(fixtures, fixture), path, {recursive: true});
  return path;
}

async function putFile(path: string): Promise<string> {
  await cp(join(fixtures, 'whole/model.safetensors'), path);
  return path;
}

async function trainerState(folder: string, step: number): Promise<void> {
  await writeFile(join(folder, 'trainer_state.json'), JSON.stringify({global_step: step, epoch: step / 100}));
}

/** What of a scan is worth comparing. */
function summary(checkpoints: readonly Checkpoint[], folder: string) {
  return checkpoints.map(({path, format, step, epoch, complete}) => [
    path.slice(folder.length + 1),
    format,
    step,
    epoch,
    complete,
  ]);
}

describe('recognises, in the order of their steps', () => {
  test('what a Hugging Face Trainer leaves, and the final model at the top', async () => {
    const folder = await put(await scratch());
    for (const step of [1000, 500]) await trainerState(await put(join(folder, `checkpoint-${step}`)), step);
    await mkdir(join(folder, 'runs'));
    await writeFile(join(folder, 'runs', 'events.out'), '');
    await trainerState(folder, 1200);
    expect(summary(await findCheckpoints(folder, {now: later}), folder)).toEqual([
      ['checkpoint-500', 'trainer', 500, 5, true],
      ['checkpoint-1000', 'trainer', 1000, 10, true],
      ['', 'final', 1200, 12, true],
    ]);
  });

  test('Accelerate, whose folders have no config.json and count saves', async () => {
    const folder = await scratch();
    await mkdir(join(folder, 'checkpoints'));
    for (const save of [10, 9]) {
      const path = await put(join(folder, 'checkpoints', `checkpoint_${save}`));
      await rm(join(path, 'config.json'));
      await cp(join(path, 'model.safetensors'), join(path, 'model_1.safetensors'));
    }
    expect(summary(await findCheckpoints(folder, {now: later}), folder)).toEqual([
      ['checkpoints/checkpoint_9', 'accelerate', 10, null, true],
      ['checkpoints/checkpoint_10', 'accelerate', 11, null, true],
    ]);
  });

  test('Lightning and timm exports and any other file', async () => {
    const folder = await scratch();
    const lightning = join(folder, 'lightning_logs', 'version_0', 'checkpoints');
    await mkdir(lightning, {recursive: true});
    await putFile(join(lightning, 'epoch=3-step=1000.safetensors'));
    await putFile(join(lightning, 'vit-epoch=01-val_loss=0.31.safetensors'));
    await putFile(join(folder, 'checkpoint-12.safetensors'));
    await putFile(join(folder, 'model_best.safetensors'));
    await putFile(join(folder, 'mine.safetensors'));
    await put(join(folder, 'export-7'));
    await cp(join(fixtures, 'sharded/model-00001-of-00002.safetensors'), join(folder, 'model-00001-of-00002.safetensors')); // prettier-ignore
    const found = summary(await findCheckpoints(folder, {now: later}), folder);
    expect(found.slice(0, 4)).toEqual([
      [
        'lightning_logs/version_0/checkpoints/vit-epoch=01-val_loss=0.31.safetensors',
        'lightning',
        2,
        2,
        true,
      ],
      ['export-7', 'folder', 8, null, true],
      ['checkpoint-12.safetensors', 'timm', 13, 13, true],
      ['lightning_logs/version_0/checkpoints/epoch=3-step=1000.safetensors', 'lightning', 1000, 4, true],
    ]);
    expect(found.slice(4).sort()).toEqual([
      ['mine.safetensors', 'file', null, null, true],
      ['model_best.safetensors', 'timm', null, null, true],
    ]);
  });

  test('shards and adapters', async () => {
    const folder = await scratch();
    await put(join(folder, 'checkpoint-1'), 'sharded');
    await put(join(folder, 'checkpoint-2'), 'adapter-lora');
    const found = await findCheckpoints(folder, {now: later});
    expect(found.map(({complete}) => complete)).toEqual([true, true]);
  });
});

describe('a checkpoint is complete only when it is all there', () => {
  const damages: [string, fixture: string, (folder: string) => Promise<unknown>, waiting: RegExp][] = [
    ['weights cut short', 'whole', f => truncate(join(f, 'model.safetensors'), 5000), /half-written/],
    ['empty weights', 'whole', f => truncate(join(f, 'model.safetensors'), 0), /has 0 bytes/],
    ['half a config.json', 'whole', f => truncate(join(f, 'config.json'), 20), /is not JSON/],
    ['a shard missing', 'sharded', f => rm(join(f, 'model-00002-of-00002.safetensors')), /cannot be opened/],
    ['a shard cut short', 'sharded', f => truncate(join(f, 'model-00001-of-00002.safetensors'), 4000), /half-written/],
    ['no weights yet', 'whole', f => rm(join(f, 'model.safetensors')), /has no weights yet/],
    ['an adapter without weights', 'adapter-lora', f => rm(join(f, 'adapter_model.safetensors')), /no weights yet/],
    ['a pickled model', 'whole', async f => {
      await rm(join(f, 'model.safetensors'));
      await writeFile(join(f, 'pytorch_model.bin'), '');
    }, /python -c/],
  ]; // prettier-ignore
  test.each(damages)('%s', async (_, fixture, damage, waiting) => {
    const folder = await scratch();
    await damage(await put(join(folder, 'checkpoint-5'), fixture));
    const [checkpoint] = await findCheckpoints(folder, {now: later});
    expect(checkpoint).toMatchObject({complete: false, step: 5, waiting});
  });

  test('a pickled file alone says how to convert it', async () => {
    const folder = await scratch();
    await writeFile(join(folder, 'epoch=1-step=20.ckpt'), '');
    expect(await findCheckpoints(folder)).toMatchObject([
      {step: 20, epoch: 2, complete: false, pickled: true, waiting: expect.stringMatching(/epoch=1-step=20\.ckpt.*convert it once: wandb-invariance convert .*epoch=1-step=20\.ckpt$/)},
    ]); // prettier-ignore
  });

  test('files that are new are left alone for a second, unless trainer_state.json says that the writer is done', async () => {
    const folder = await scratch();
    const path = await put(join(folder, 'checkpoint-5'));
    const [young] = await findCheckpoints(folder);
    expect(young).toMatchObject({complete: false, waiting: expect.stringMatching(/ms ago/)});
    const [settled] = await findCheckpoints(folder, {now: () => young!.mtime + 5000});
    expect(settled).toMatchObject({complete: true, waiting: null});
    await trainerState(path, 5);
    expect(await findCheckpoints(folder)).toMatchObject([{complete: true}]);
  });

  test('its mtime is that of its weights, which a later trainer_state.json does not change', async () => {
    const folder = await scratch();
    const path = await put(join(folder, 'checkpoint-5'));
    const memory: CheckpointMemory = new Map();
    const [before] = await findCheckpoints(folder, {now: later, memory});
    await trainerState(path, 7);
    await utimes(join(path, 'trainer_state.json'), new Date(), new Date(Date.now() + 60_000));
    expect(await findCheckpoints(folder, {memory})).toMatchObject([
      {complete: true, step: 7, mtime: before!.mtime},
    ]);
  });

  test('a Trainer still writing its optimiser is waited for, but not for ever', async () => {
    const folder = await scratch();
    const path = await put(join(folder, 'checkpoint-5'));
    await writeFile(join(path, 'training_args.bin'), '');
    const [{mtime}] = (await findCheckpoints(folder)) as [Checkpoint];
    expect(await findCheckpoints(folder, {now: () => mtime + 59_000})).toMatchObject([{complete: false}]);
    expect(await findCheckpoints(folder, {now: () => mtime + 61_000})).toMatchObject([{complete: true}]);
  });

  test('hidden and temporary folders are passed over', async () => {
    const folder = await scratch();
    await put(join(folder, '.checkpoint-5.1a2b3c4d.tmp'));
    await put(join(folder, 'checkpoint-6.tmp'));
    expect(await findCheckpoints(folder, {now: later})).toEqual([]);
  });
});

describe('links', () => {
  test('to a checkpoint of the same folder are not counted twice', async () => {
    const folder = await scratch();
    await put(join(folder, 'checkpoint-5'));
    await symlink('checkpoint-5', join(folder, 'last'));
    await symlink('checkpoint-5', join(folder, 'checkpoint-9'));
    expect(await findCheckpoints(folder, {now: later})).toHaveLength(1);
  });

  test('that leave the folder are not followed, and say so', async () => {
    const [folder, elsewhere] = [await scratch(), await put(await scratch())];
    await symlink(elsewhere, join(folder, 'checkpoint-5'));
    expect(await findCheckpoints(folder, {now: later})).toMatchObject([
      {step: 5, complete: false, waiting: expect.stringMatching(/is a link that leaves the folder/)},
    ]);
  });

  test('of single files that leave their checkpoint are named', async () => {
    const folder = await scratch();
    const path = await put(join(folder, 'checkpoint-5'));
    const elsewhere = await putFile(join(await scratch(), 'model.safetensors'));
    await rm(join(path, 'model.safetensors'));
    await symlink(elsewhere, join(path, 'model.safetensors'));
    expect(await findCheckpoints(folder, {now: later})).toMatchObject([
      {
        complete: false,
        waiting: expect.stringMatching(/model\.safetensors: is a link that leaves the folder/),
      },
    ]);
  });
});

describe('scanning again', () => {
  test('opens nothing that did not change, and sees what was replaced, damaged or deleted', async () => {
    const folder = await scratch();
    for (const step of [1, 2, 3]) await put(join(folder, `checkpoint-${step}`));
    const memory: CheckpointMemory = new Map();
    const first = await findCheckpoints(folder, {now: later, memory});
    const second = await findCheckpoints(folder, {now: later, memory});
    expect(second).toEqual(first);
    expect(second.every((checkpoint, i) => checkpoint === first[i])).toBe(true);

    const weights = join(folder, 'checkpoint-1', 'model.safetensors');
    await rename(await putFile(join(folder, '.new')), weights);
    await utimes(weights, new Date(), new Date(Date.now() + 5000));
    await appendFile(join(folder, 'checkpoint-2', 'model.safetensors'), 'x');
    await rm(join(folder, 'checkpoint-3'), {recursive: true});
    const third = await findCheckpoints(folder, {now: later, memory});
    expect(third).toMatchObject([
      {step: 1, complete: true},
      {step: 2, complete: false},
    ]);
    expect(third[0]!.mtime).toBeGreaterThan(first[0]!.mtime);
  });

  test('does not look again at what can never be read, as 10,000 pickles of features', async () => {
    const folder = await scratch();
    await writeFile(join(folder, 'features-1.pt'), '');
    await truncate(join(await put(join(folder, 'checkpoint-2')), 'model.safetensors'), 5000);
    const memory: CheckpointMemory = new Map();
    const first = await findCheckpoints(folder, {now: later, memory});
    const second = await findCheckpoints(folder, {now: later, memory});
    expect(first.map(({complete, pickled}) => [complete, pickled])).toEqual([
      [false, true],
      [false, false],
    ]);
    expect(second.every((checkpoint, i) => checkpoint === first[i])).toBe(true);
  });

  test('while checkpoints come and go never fails', async () => {
    const folder = await scratch();
    let writing = true;
    const churn = (async () => {
      for (let i = 0; i < 60; i++) {
        await put(join(folder, `checkpoint-${i}`));
        if (i >= 3) await rm(join(folder, `checkpoint-${i - 3}`), {recursive: true});
      }
      writing = false;
    })();
    const memory: CheckpointMemory = new Map();
    let scans = 0;
    while (writing) {
      for (const {complete, waiting} of await findCheckpoints(folder, {now: later, memory}))
        expect(complete).toBe(waiting === null);
      scans++;
    }
    await churn;
    expect(scans).toBeGreaterThan(3);
    expect((await readdir(folder)).length).toBe(3);
    expect(await findCheckpoints(folder, {now: later, memory})).toHaveLength(3);
  });
});

test('trainings of their own in a folder are told from its checkpoints', async () => {
  const folder = await scratch();
  await put(join(folder, 'checkpoint-5'));
  await put(join(folder, 'export-7'));
  await mkdir(join(folder, 'runs'));
  await put(join(folder, 'seed-1', 'checkpoint-5'));
  await mkdir(join(folder, 'seed-2'));
  await putFile(join(folder, 'seed-2', 'epoch=0-step=10.safetensors'));
  await mkdir(join(folder, 'lightning_logs', 'version_0'), {recursive: true});
  expect(await findTrainings(folder)).toEqual(['seed-1', 'seed-2'].map(name => join(folder, name)));
});

test('a folder that is not there is refused', async () => {
  expect(await rejection(findCheckpoints('no/such/folder'))).toMatchObject({
    code: 'bad_weights',
    message: expect.stringMatching(/check the path/),
  });
});
