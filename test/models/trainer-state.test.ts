import {existsSync} from 'node:fs';
import {symlink, utimes, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {loggedAt, readTrainerState} from '../../src/models/index.js';
import {scratch} from './scratch.js';

async function stateOf(text: string) {
  const folder = await scratch();
  await writeFile(join(folder, 'trainer_state.json'), text);
  return readTrainerState(folder);
}

test('step, epoch and everything logged come from trainer_state.json', async () => {
  const state = await stateOf(
    JSON.stringify({
      global_step: 20,
      epoch: 0.5,
      max_steps: 40,
      log_history: [
        {step: 10, epoch: 0.25, loss: 2, learning_rate: 1e-3},
        {step: 20, epoch: 0.5, loss: 1, note: 'text'},
        {step: 20, epoch: 0.5, eval_accuracy: 0.7},
        {step: 30, epoch: 0.75, loss: 0.5},
      ],
    }),
  );
  expect(state).toMatchObject({step: 20, epoch: 0.5, maxSteps: 40});
  expect(state!.history[1]).toEqual({step: 20, epoch: 0.5, values: {loss: 1}});
  expect(loggedAt(state!.history, 5)).toEqual({});
  expect(loggedAt(state!.history, 19)).toEqual({loss: 2, learning_rate: 1e-3});
  expect(loggedAt(state!.history, 20)).toEqual({loss: 1, learning_rate: 1e-3, eval_accuracy: 0.7});
});

test('NaN and Infinity, as Python writes them, are left out and harm nothing else', async () => {
  const state = await stateOf(
    '{"global_step": 3, "epoch": NaN, "best_metric": -Infinity, "log_history": ' +
      '[{"step": 3, "loss": NaN, "grad_norm": Infinity, "note": "NaN", "lr": 0.5}]}',
  );
  expect(state).toMatchObject({step: 3, epoch: null, maxSteps: null});
  expect(loggedAt(state!.history, 3)).toEqual({lr: 0.5});
});

test.each(['', '{"global_step": 3', '[]', '{"global_step": "3"}'])('%j counts as none', async text => {
  expect(await stateOf(text)).toBeUndefined();
});

test('one that is older than the weights counts as none while these are fresh, as copies come in any order', async () => {
  const folder = await scratch();
  await writeFile(join(folder, 'trainer_state.json'), '{"global_step": 3}');
  await utimes(join(folder, 'trainer_state.json'), 50, 50);
  const read = (notBefore: number, now: number) => readTrainerState(folder, {notBefore, now: () => now});
  expect(await read(50_000, 60_000)).toMatchObject({step: 3});
  expect(await read(50_001, 60_000)).toBeUndefined();
  expect(await read(50_001, 50_001 + 599_999)).toBeUndefined();
  expect(await read(50_001, 50_001 + 600_000)).toMatchObject({step: 3});
});

test('a link that leaves the folder is not followed', async () => {
  const [folder, elsewhere] = [await scratch(), await scratch()];
  await writeFile(join(elsewhere, 'secret.json'), '{"global_step": 3}');
  await symlink(join(elsewhere, 'secret.json'), join(folder, 'trainer_state.json'));
  expect(await readTrainerState(folder)).toBeUndefined();
});

test('a folder without one has none', async () => {
  expect(await readTrainerState(await scratch())).toBeUndefined();
});

describe.skipIf(!existsSync('../shared'))('a real Trainer (needs ../shared)', () => {
  test('its last loss and accuracy are found', async () => {
    const state = await readTrainerState('../shared/models/vit-cifar/finetune/checkpoint-50');
    expect(state).toMatchObject({step: 50, epoch: 0.16, maxSteps: 400});
    expect(loggedAt(state!.history, 30)).toMatchObject({eval_accuracy: 0.691, loss: 0.947259247303009});
  });
});
