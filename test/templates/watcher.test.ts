import {spawnSync} from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {python, pythonHas} from '../python.js';

let out: string;
beforeEach(() => {
  out = join(mkdtempSync(join(tmpdir(), 'watcher-')), 'out');
});
afterEach(() => rmSync(join(out, '..'), {recursive: true, force: true}));

/** Stands in for the tool: writes down what it was given, says its last words, and ends with `code`. */
const STAND_IN = `
import json, os, sys, time
with open(sys.argv[1], "w") as file:
    json.dump({"arguments": sys.argv[4:], "environment": dict(os.environ)}, file)
print(sys.argv[3], flush=True)
sys.exit(int(sys.argv[2])) if sys.argv[2] != "stays" else time.sleep(600)
`;

/** Runs Python beside the callbacks; `watcher(code)` makes a Watcher whose tool ends with that code, or stays. */
function run(script: string, env: Record<string, string> = {}, cwd = process.cwd()) {
  const prelude = `
import sys, time, json, os, pathlib
from watcher import Watcher, never_failing, run_options
out = pathlib.Path(${JSON.stringify(out)})
(out.parent / "given.json").unlink(missing_ok=True)
def watcher(code="stays", words="ready", **more):
    tool = (sys.executable, "-c", ${JSON.stringify(STAND_IN)}, str(out.parent / "given.json"), str(code), words)
    made = Watcher(out, "models/vit", "probes", command=tool, **more)
    if code != "stays" and made.process: made.process.wait()
    return made
def given():
    while True:
        try: return json.loads((out.parent / "given.json").read_text())
        except (OSError, ValueError): time.sleep(0.05)
`;
  const {stdout, stderr, status} = spawnSync(python, ['-c', `${prelude}\n${script}`], {
    env: {PATH: process.env.PATH, HOME: process.env.HOME, PYTHONPATH: resolve('templates/callbacks'), ...env},
    cwd,
    encoding: 'utf8',
    timeout: 120_000,
  });
  return {stdout, stderr, status};
}

const END = 'made.process.kill()';
const warnings = (text: string): string[] => text.split('\n').filter(line => line.includes('UserWarning'));

describe.skipIf(!pythonHas())('the Python watcher', () => {
  it("starts a watch that ends with the training, and keeps the training's own W&B run from it", () => {
    const {stdout, stderr, status} = run(
      `made = watcher(options={"every": 2, "json": True, "group": None})
print(json.dumps({**given(), "pid": os.getpid()}))
${END}`,
      {
        WANDB_RUN_ID: 'training7', WANDB_NAME: 'brisk-7', WANDB_RESUME: 'must', WANDB_SERVICE: '2-1-tcp', WANDB_JOB_TYPE: 'train',
        WANDB_NOTES: 'its notes', WANDB_PROJECT: 'birds', WANDB_SWEEP_ID: 'sweep1',
      }, // prettier-ignore
    );
    expect(status, stderr).toBe(0);
    const {
      arguments: given,
      environment,
      pid,
    } = JSON.parse(stdout) as {
      arguments: string[];
      environment: Record<string, string>;
      pid: number;
    };
    expect(given.join(' ')).toBe(
      `watch ${out} --pretrained models/vit --probes probes --until marker --pid ${pid} --idle 0 --every 2 --json`,
    );
    const wandb = Object.keys(environment).filter(name => name.startsWith('WANDB'));
    expect(wandb.sort()).toEqual(['WANDB_PROJECT', 'WANDB_SWEEP_ID']);
  });

  it('takes entity, project, group and mode from the W&B run of the process, and options before those', () => {
    const {stdout, stderr} = run(`
import types
settings = types.SimpleNamespace(mode="offline")
run = types.SimpleNamespace(entity="me", project="birds", group="", settings=settings)
sys.modules["wandb"] = types.SimpleNamespace(run=run)
made = watcher(options={"project": "mine"})
print(" ".join(given()["arguments"]))
${END}`);
    expect(stdout, stderr).toContain('--idle 0 --entity me --project mine --wandb offline');
  });

  it('warns once, with its last line, when the watcher has ended before the training', () => {
    const {stderr, status} = run(`
made = watcher(1, words="wandb-invariance: no images in probes")
for step in (1, 2): made.save(None, step)
made.finish(wait=True)`);
    expect(status).toBe(0);
    expect(warnings(stderr).filter(line => line.includes('has ended'))).toEqual([
      expect.stringMatching(
        /ended with exit code 1: wandb-invariance: no images in probes .*invariance-watch\.log/,
      ),
    ]);
  });

  it('warns where it fails at the end', () => {
    const {stderr} = run(`
made = watcher("stays")
made.process.kill()
made.finish(wait=True)`);
    expect(warnings(stderr)).toEqual([expect.stringContaining('ended with exit code -9')]);
  });

  describe('starts, unless it is told what, only a tool that is installed', () => {
    /** An executable of the tool's name in that folder, which says what it is and what it was given first. */
    function install(folder: string, name: string): void {
      mkdirSync(folder, {recursive: true});
      writeFileSync(join(folder, 'wandb-invariance'), `#!/bin/sh\necho ${name} "$1"\n`, {mode: 0o755});
    }
    const project = () => join(out, '../project');
    const started = (env: Record<string, string>) => {
      mkdirSync(join(project(), 'a/b'), {recursive: true});
      return run('Watcher(out, "p", "q").finish(wait=True)', env, join(project(), 'a/b'));
    };
    const log = () => readFileSync(join(out, 'invariance-watch.log'), 'utf8');

    it('in the node_modules nearest above the working folder, before the PATH', () => {
      install(join(project(), 'node_modules/.bin'), 'nearest');
      install(join(project(), '../node_modules/.bin'), 'farther');
      install(join(project(), 'bin'), 'global');
      const PATH = `${join(project(), 'bin')}:${process.env.PATH}`;
      started({PATH});
      expect(log()).toBe('nearest watch\n');
    });

    it('above the copied watcher.py, where the training is started elsewhere', () => {
      install(join(project(), 'node_modules/.bin'), 'beside');
      const code = join(project(), 'code');
      cpSync('templates/callbacks', code, {recursive: true});
      run('Watcher(out, "p", "q").finish(wait=True)', {PYTHONPATH: code}, join(out, '..'));
      expect(log()).toBe('beside watch\n');
    });

    it('on the PATH', () => {
      install(join(project(), 'bin'), 'global');
      started({PATH: `${join(project(), 'bin')}:${process.env.PATH}`});
      expect(log()).toBe('global watch\n');
    });

    it('where there is none, warns once how to install it, starts nothing and trains on', () => {
      // An npx that anyone would see: it must not be asked.
      install(join(project(), 'bin'), 'asked');
      renameSync(join(project(), 'bin/wandb-invariance'), join(project(), 'bin/npx'));
      const cwd = join(project(), 'a');
      mkdirSync(cwd);
      const {status, stderr} = run(
        `os.environ["PATH"] = ${JSON.stringify(join(project(), 'bin'))}
made = Watcher(out, "p", "q")
for step in (1, 2): made.check()
made.finish(wait=True)`,
        {},
        cwd,
      );
      expect(status).toBe(0);
      expect(warnings(stderr)).toEqual([
        expect.stringMatching(
          /could not start the watcher: wandb-invariance is not installed: neither in .*project\/a or .*`npm install FILE`/,
        ),
      ]);
      expect(existsSync(join(out, 'invariance-watch.log'))).toBe(false);
    });
  });

  it('does nothing on another rank, and takes an empty RANK for none', () => {
    run('watcher(0)', {RANK: '1'});
    expect(existsSync(out)).toBe(false);
    expect(run('watcher(0)', {RANK: ''})).toMatchObject({status: 0, stderr: ''});
    expect(existsSync(out)).toBe(true);
  });

  it('never fails the training, also where warnings are errors', () => {
    const script =
      'import warnings; warnings.simplefilter("error"); Watcher(out, "p", "q", command=("no-such-program",))';
    expect(run(script)).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('could not start the watcher') as string,
    });
  });
});

describe.skipIf(!pythonHas('torch', 'safetensors'))('what the Python watcher saves', () => {
  it('is whole or not there, with the values that are numbers', () => {
    const {stderr, status} = run(`
import torch
class Broken(torch.nn.Linear):
    def state_dict(self): raise OSError("the disk is full")
made = watcher()
made.save(torch.nn.Linear(2, 2), 1, epoch=torch.tensor(0.5), loss=torch.tensor(2.0), per_class=torch.ones(3), note="text")
made.save(Broken(2, 2), 2, loss=1.5)
made.save(torch.nn.Linear(2, 2), 3, loss=1.0)
${END}`);
    expect(status, stderr).toBe(0);
    expect(readdirSync(out).sort()).toEqual(['checkpoint-1', 'checkpoint-3', 'invariance-watch.log']);
    expect(warnings(stderr)).toEqual([
      expect.stringContaining('could not save checkpoint-2: the disk is full'),
    ]);
    expect(JSON.parse(readFileSync(join(out, 'checkpoint-3/trainer_state.json'), 'utf8'))).toEqual({
      global_step: 3,
      epoch: null,
      log_history: [
        {step: 1, epoch: 0.5, loss: 2},
        {step: 2, loss: 1.5},
        {step: 3, loss: 1},
      ],
    });
  });

  it('warns of the first checkpoint that waits and the first that is left out, once each, and of this watcher alone', () => {
    mkdirSync(out, {recursive: true});
    writeFileSync(
      join(out, 'invariance-watch.log'),
      'old/checkpoint-1 is left out: of an earlier training\n',
    );
    const {stderr, status} = run(`
made = watcher(words="out/checkpoint-1 waits: has no weights yet")
while "waits" not in (out / "invariance-watch.log").read_text(): time.sleep(0.05)
made.check()
with open(out / "invariance-watch.log", "a") as log:
    log.write("out/checkpoint-2 is left out: peft_type VERA is not merged here\\nout/checkpoint-3 is left out: too\\n")
made.check()
made.check()
${END}`);
    expect(status, stderr).toBe(0);
    expect(warnings(stderr)).toEqual([
      expect.stringMatching(/checkpoint-1 waits: has no weights yet \(all/),
      expect.stringMatching(/checkpoint-2 is left out: peft_type VERA is not merged here \(all/),
    ]);
  });

  it('has the names of the model inside DistributedDataParallel and torch.compile', () => {
    const {stdout, stderr} = run(`
import torch
from safetensors.torch import load_file
torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
plain = torch.nn.Sequential(torch.nn.Linear(2, 2))
parts = torch.nn.Sequential(torch.compile(torch.nn.Linear(2, 2)))
parallel = torch.nn.parallel.DistributedDataParallel(torch.compile(plain))
made = watcher()
for step, model in enumerate([plain, parts, parallel, torch.compile(parallel)], 1):
    made.save(model, step)
    print(sorted(load_file(out / f"checkpoint-{step}" / "model.safetensors")))
${END}`);
    expect(stdout.trim().split('\n'), stderr).toEqual(Array(4).fill("['0.bias', '0.weight']"));
  });

  it('is refused with a warning where FSDP spreads the weights over processes', () => {
    const {stderr, status} = run(`
import torch
from torch.distributed.fsdp import fully_shard
torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
mesh = torch.distributed.init_device_mesh("cpu", (1,))
model = fully_shard(torch.nn.Linear(2, 2), mesh=mesh)
made = watcher()
made.save(model, 1)
${END}`);
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/could not save checkpoint-1: its weights are spread over processes/);
    expect(readdirSync(out)).toEqual(['invariance-watch.log']);
  });
});

describe.skipIf(!pythonHas('transformers', 'torch'))("transformers' callback", () => {
  const begin = (before: string, env = {}) => {
    const {stdout, stderr} = run(
      `
from types import SimpleNamespace as Namespace
from trainer import InvarianceCallback
${before}
tool = (sys.executable, "-c", ${JSON.stringify(STAND_IN)}, str(out.parent / "given.json"), "stays", "ready")
callback = InvarianceCallback("p", "q", command=tool)
callback.on_train_begin(Namespace(output_dir=str(out), run_name="brisk"), Namespace(is_world_process_zero=True), None)
print(" ".join(given()["arguments"]))
callback.watcher.process.kill()`,
      env,
    );
    return stdout + stderr;
  };

  // Three Pythons that import transformers: a minute where other work is done.
  it(
    "logs beside the training's run where W&B has one, else where the Trainer would",
    {timeout: 180_000},
    () => {
      expect(begin('')).toMatch(/--idle 0 --project huggingface$/m);
      expect(begin('', {WANDB_PROJECT: 'birds'})).toMatch(/--idle 0 --project birds$/m);
      const of =
        'run = Namespace(entity="me", project="mine", group="sweep", settings=Namespace(mode="online"))';
      const there = `${of}\nsys.modules["wandb"] = Namespace(run=run)`;
      expect(begin(there)).toMatch(/--idle 0 --entity me --project mine --group sweep$/m);
    },
  );
});

describe.skipIf(!pythonHas('lightning'))("Lightning's callback", () => {
  it('never fails the training, whatever picks the model out, and saves on as usual', () => {
    const {stderr, status} = run(`
from types import SimpleNamespace as Namespace
import torch
from lightning_callback import InvarianceCallback
callback = InvarianceCallback(out, "p", "q", every_n_steps=2, model=lambda module: module.backbone, command=("true",))
model = torch.nn.Linear(2, 2)
trainer = Namespace(is_global_zero=True, global_step=0, current_epoch=0, callback_metrics={"accuracy": torch.ones(3)}, model=model)
callback.on_train_start(trainer, model)
trainer.global_step = 2
callback.on_train_batch_end(trainer, model, None, None, 0)
model.backbone = torch.nn.Linear(2, 2)
trainer.global_step = 4
callback.on_train_end(trainer, model)`);
    expect(status, stderr).toBe(0);
    expect(stderr).toContain('could not save a checkpoint');
    expect(readdirSync(out)).toContain('checkpoint-4');
  });
});
