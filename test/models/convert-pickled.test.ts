import {execFileSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {chmod, cp, mkdir, mkdtemp, readFile, rename, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {delimiter, dirname, join, resolve} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {convertPickled, findCheckpoints, openSafetensors} from '../../src/models/index.js';
import {readWeights} from '../../src/engine/architectures/read-weights.js';
import {python, pythonHas} from '../python.js';
import {fixtures, scratch} from './scratch.js';

/** Needs torch and safetensors in the Python of WANDB_INVARIANCE_PYTHON. */
describe.skipIf(!pythonHas('torch', 'safetensors'))('a pickled checkpoint', () => {
  let home: string;
  let folder: string;
  let environment: NodeJS.ProcessEnv;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'invariance-pickles-'));
    folder = join(home, 'pickles');
    execFileSync(python, ['test/models/pickles.py', folder], {stdio: 'pipe'});
    // The package's command, and the interpreter under the name that messages print.
    const bin = join(home, 'bin');
    await mkdir(bin);
    const program = async (name: string, line: string) => {
      await writeFile(join(bin, name), `#!/bin/sh\nexec ${line} "$@"\n`);
      await chmod(join(bin, name), 0o755);
    };
    await program('wandb-invariance', `"${process.execPath}" "${resolve('dist/cli/main.js')}"`);
    for (const name of ['python', 'python3']) await program(name, `"${python}"`);
    environment = {...process.env, PATH: `${bin}${delimiter}${process.env['PATH']}`};
  }, 120_000);
  afterAll(() => rm(home, {recursive: true, force: true}));

  const messageOf = async (path: string) =>
    (await readWeights(path, {base: join(fixtures, 'whole')}).then(
      () => undefined,
      (error: Error) => error.message,
    ))!;
  /** Runs in a shell every command that a message prints, as printed. */
  const runPrinted = (message: string, cwd?: string) => {
    const [, first, second] = /: ((?:wandb-invariance|python) .*?)(?:, then (wandb-invariance .*))?$/.exec(
      message,
    )!;
    return [first, second]
      .map(line =>
        line === undefined ? '' : execFileSync('sh', ['-c', line], {env: environment, encoding: 'utf8', cwd}),
      )
      .join('');
  };
  const expectWhole = async (path: string, factor = 1) => {
    const read = await readWeights(path, {base: join(fixtures, 'whole')});
    const expected = await readWeights(join(fixtures, 'whole'));
    expect(read.map(({name}) => name)).toEqual(expected.map(({name}) => name));
    for (const [i, {name, data}] of read.entries())
      expect(data, name).toEqual(expected[i]!.data.map(value => factor * value));
  };

  test.each([
    ['in shards', 'checkpoint-1', 'checkpoint-1', 'wrote'],
    [
      'of Lightning, in a folder with a quote, a space and a dollar',
      "a b'c$HOME/last one.ckpt",
      "a b'c$HOME/last one.safetensors",
      'tensors of state_dict',
    ],
    [
      'of timm',
      'timm/checkpoint-5.pth.tar',
      'timm/checkpoint-5.safetensors',
      'there are also state_dict_ema: --state',
    ],
    ['of DeepSpeed before ZeRO-3', 'deepspeed/checkpoint-7', 'deepspeed/checkpoint-7', 'tensors of module'],
    ['of FSDP', 'fsdp/checkpoint-8', 'fsdp/checkpoint-8', 'tensors of model'],
  ])(
    '%s is refused with a command that, run as printed, converts it to what is read',
    async (_, from, to, said) => {
      const message = await messageOf(join(folder, from));
      expect(message).toContain('wandb-invariance convert');
      expect(runPrinted(message)).toContain(said);
      await expectWhole(join(folder, to));
    },
    60_000,
  );

  test('whose name begins with a minus is named as a path', async () => {
    const message = await messageOf(join(folder, 'dino/-dino.pth'));
    const line = message.slice(message.indexOf('wandb-invariance'));
    const refused = () =>
      execFileSync('sh', ['-c', line], {env: environment, stdio: 'pipe', encoding: 'utf8'});
    expect(refused).toThrow(/holds the state dicts teacher, student; choose one with --state/);
    execFileSync('sh', ['-c', `${line} --state teacher`], {env: environment});
    await expectWhole(join(folder, 'dino/-dino.safetensors'));
  }, 60_000);

  test('takes the state dict that is named', async () => {
    const to = join(await scratch(), 'ema.safetensors');
    const converted = await convertPickled(join(folder, 'timm/checkpoint-5.pth.tar'), {
      to,
      state: 'state_dict_ema',
      python,
    });
    expect(converted).toMatchObject({path: to, state: 'state_dict_ema', others: ['state_dict'], skipped: 0});
    await expectWhole(to, 2);
  });

  test('goes to another folder together with its configuration', async () => {
    const to = join(await scratch(), 'converted');
    await convertPickled(join(folder, 'checkpoint-1'), {to, python});
    expect(existsSync(join(to, 'config.json'))).toBe(true);
    await expectWhole(to);
  });

  test('of an adapter becomes the adapter', async () => {
    const adapter = join(await scratch(), 'checkpoint-3');
    await cp(join(fixtures, 'adapter-lora'), adapter, {recursive: true});
    const [safe, pickled] = ['safetensors', 'bin'].map(end => join(adapter, `adapter_model.${end}`)) as [
      string,
      string,
    ];
    const code =
      'import sys, torch; from safetensors.torch import load_file; torch.save(load_file(sys.argv[1]), sys.argv[2])';
    execFileSync(python, ['-c', code, safe, pickled]);
    await rename(safe, join(dirname(adapter), 'safe'));
    const [found] = await findCheckpoints(dirname(adapter));
    expect(found).toMatchObject({complete: false, pickled: true});
    runPrinted(found!.waiting!);
    const [ours, theirs] = await Promise.all(
      [safe, join(dirname(adapter), 'safe')].map(path => openSafetensors(path)),
    );
    for (const name of theirs!.names()) expect(await ours!.read(name)).toEqual(await theirs!.read(name));
    await Promise.all([ours!.close(), theirs!.close()]);
  }, 60_000);

  test('keeps tied and transposed tensors, and leaves out what is no tensor', async () => {
    const converted = await convertPickled(join(folder, 'odd/tied.pt'), {python});
    expect(converted).toMatchObject({tensors: 3, skipped: 1, state: ''});
  });

  test('that would run code does not, and says what can be done', async () => {
    await expect(convertPickled(join(folder, 'odd/unsafe.pt'), {python})).rejects.toThrow(
      /holds more than weights.*weights_only=False/s,
    );
    expect(existsSync(join(folder, 'ran'))).toBe(false);
    expect(existsSync(join(folder, 'odd/unsafe.safetensors'))).toBe(false);
  });

  test.each([
    ['odd/none.pt', {}, /holds no state dict, only weights/],
    [
      'timm/checkpoint-5.pth.tar',
      {state: 'ema', to: join(tmpdir(), 'no-such.safetensors')},
      /holds the state dicts state_dict, state_dict_ema; choose/,
    ],
    ['odd', {}, /holds none\.pt, tied\.pt, unsafe\.pt; name the one/],
    ['zero', {}, /holds no pickled weights/],
    ['two', {}, /holds pytorch_model\.bin, pytorch_model_1\.bin; name the one/],
    ['part', {}, /holds 1 of the 2 shards/],
    ['nowhere', {}, /is not there/],
    [
      'odd/tied.pt',
      {python: 'no-such-python', to: join(tmpdir(), 'no-such.safetensors')},
      /no-such-python is not there; name a Python.*--python/,
    ],
  ])('that cannot be converted, %s %j, is refused with the reason', async (name, options, message) => {
    await expect(convertPickled(join(folder, name), {python, ...options})).rejects.toThrow(message);
  });

  test('keeps what is there: neither the pickle nor another file is written over', async () => {
    const [from, to] = [join(folder, 'two/pytorch_model.bin'), join(await scratch(), 'there.safetensors')];
    await writeFile(to, 'mine');
    await expect(convertPickled(from, {to, python})).rejects.toThrow(/is there already; name another place/);
    expect(await readFile(to, 'utf8')).toBe('mine');
  });

  test('with a lone tensor beside its state dict is read by its state dict', async () => {
    const converted = await convertPickled(join(folder, 'imagenet/model_best.pth.tar'), {python});
    expect(converted).toMatchObject({state: 'state_dict', skipped: 0});
    await expectWhole(converted.path);
  });

  test('is read without running what lies in the working folder', async () => {
    execFileSync('sh', ['-c', 'wandb-invariance convert .'], {env: environment, cwd: join(folder, 'trap')});
    expect(existsSync(join(folder, 'ran'))).toBe(false);
    await expectWhole(join(folder, 'trap/weights.safetensors'));
  }, 60_000);

  test('in pieces of ZeRO-3 is named as what it is, with the command that gathers it', async () => {
    const [found] = await findCheckpoints(join(folder, 'zero'));
    expect(found!.waiting).toMatch(/pieces of DeepSpeed's ZeRO-3 \(global_step7\).*zero_to_fp32\.py/);
  });
});
