import {spawn} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {writeSafetensors} from '../../src/models/index.js';
import {seededRandom} from '../../src/random.js';
import {readRun, type RecordedRun} from '../../src/journal/index.js';
import {python, pythonHas} from '../python.js';

const MINUTES = 60_000;
const VIT = 'test/fixtures/weights/whole';

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'callbacks-'));
});
afterEach(() => rmSync(scratch, {recursive: true, force: true}));

/** Runs a training script with the callbacks beside it, to the end of its watcher. */
async function train(
  script: string,
  {pretrained = VIT, side = 8, command = [process.execPath, resolve('dist/cli/main.js')], env = {}} = {},
): Promise<{run: RecordedRun | null; errors: string; code: number | null; log: string}> {
  const random = seededRandom(3);
  const probes = join(scratch, 'probes.safetensors');
  const data = Float32Array.from({length: 8 * 3 * side * side}, () => random.uniform());
  await writeSafetensors(probes, new Map([['images', {shape: [8, 3, side, side], data}]]));
  const out = join(scratch, 'out');
  const child = spawn(
    python,
    [join('test/templates', script), out, pretrained, `${probes}:images`, ...command],
    {
      env: {
        ...process.env,
        PYTHONPATH: resolve('templates/callbacks'),
        XDG_CACHE_HOME: join(scratch, 'cache'),
        HF_HUB_OFFLINE: '1',
        ...env,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let errors = '';
  child.stderr.on('data', text => (errors += String(text)));
  const code = await new Promise<number | null>(done => child.on('close', done));
  const logFile = join(out, 'invariance-watch.log');
  const log = existsSync(logFile) ? readFileSync(logFile, 'utf8') : '';
  const runs = existsSync(`${out}-runs`) ? readdirSync(`${out}-runs`) : [];
  return {run: runs.length === 1 ? await readRun(join(`${out}-runs`, runs[0]!)) : null, errors, code, log};
}

const steps = (run: RecordedRun | null): number[] => run?.readings.map(({step}) => step) ?? [];

describe.skipIf(!pythonHas('torch', 'transformers', 'accelerate'))('with Python and transformers', () => {
  it(
    "watches transformers' Trainer, whose save_total_limit keeps one checkpoint, and shows its loss",
    async () => {
      const {run, errors, code, log} = await train('train_transformers.py');
      expect(code, errors + log).toBe(0);
      expect(run?.state).toBe('finished');
      expect(steps(run)).toEqual([0, 4, 8, 12]);
      expect(run!.readings.at(-1)!.logged.loss).toBeGreaterThan(0);
      expect(run!.readings.at(-1)!.weightDrift[0]).toBeGreaterThan(0);
    },
    4 * MINUTES,
  );

  it(
    'never fails the training when the watcher cannot be started',
    async () => {
      const {errors, code} = await train('train_accelerate.py', {command: ['no-such-program']});
      expect(code, errors).toBe(0);
      expect(errors).toContain('wandb-invariance: could not start the watcher');
    },
    4 * MINUTES,
  );

  it(
    'starts nothing on other ranks than 0',
    async () => {
      const {run, log, code} = await train('train_timm.py', {
        pretrained: 'test/fixtures/architectures/timm-vit',
        side: 12,
        env: {RANK: '1'},
      });
      expect({code, run, log}).toEqual({code: 0, run: null, log: ''});
    },
    4 * MINUTES,
  );

  it(
    "reads the recipe's checkpoints and Accelerate's own",
    async () => {
      const {run, errors, code, log} = await train('train_accelerate.py');
      expect(code, errors + log).toBe(0);
      expect(steps(run)).toEqual([0, 3, 7]);
    },
    4 * MINUTES,
  );
});

describe.skipIf(!pythonHas('lightning', 'transformers'))('with Python and Lightning', () => {
  it(
    'watches a Lightning training and measures its last step too',
    async () => {
      const {run, errors, code, log} = await train('train_lightning.py');
      expect(code, errors + log).toBe(0);
      expect(steps(run)).toEqual([0, 4, 8, 10]);
      expect(run!.readings.at(-1)!.logged.loss).toBeGreaterThan(0);
    },
    4 * MINUTES,
  );
});

describe.skipIf(!pythonHas('timm'))('with Python and timm', () => {
  it(
    'watches a plain PyTorch loop over a timm model',
    async () => {
      const {run, errors, code, log} = await train('train_timm.py', {
        pretrained: 'test/fixtures/architectures/timm-vit',
        side: 12,
      });
      expect(code, errors + log).toBe(0);
      expect(steps(run)).toEqual([0, 3, 6]);
    },
    4 * MINUTES,
  );
});

it('ships every file that its README names', () => {
  const readme = readFileSync('templates/callbacks/README.md', 'utf8');
  const named = new Set([...readme.matchAll(/`([a-z_]+\.py)`/g)].map(match => match[1]!));
  expect([...named].sort()).toEqual(
    readdirSync('templates/callbacks')
      .filter(name => name.endsWith('.py'))
      .sort(),
  );
});
