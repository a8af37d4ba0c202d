import {spawn} from 'node:child_process';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {createInterface} from 'node:readline';
import {pathToFileURL} from 'node:url';
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest';
import {inversionOptions} from '../../../src/inversion/index.js';
import {startChildMeasurer, type ChildMeasurer} from '../../../src/measure/child/child-measurer.js';
import type {MeasurerSpec} from '../../../src/measure/child/messages.js';
import type {Progress} from '../../../src/measure/progress.js';
import {WorkerProcess} from '../../../src/measure/child/worker-process.js';
import {seededRandom} from '../../../src/random.js';
import type {Baseline, Moment} from '../../../src/types.js';
import {finetuned, tinyProbes, tinyVariant, tinyVit} from '../tiny-vit.js';

let folder: string;
let spec: MeasurerSpec;
let changed: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'invariance-measuring-'));
  changed = await tinyVariant(join(folder, 'changed'), finetuned(0.1));
  spec = {
    pretrained: tinyVit,
    probes: await tinyProbes(join(folder, 'probes.safetensors')),
    inversion: inversionOptions({steps: 5}),
    cache: null,
  };
});
afterAll(() => rm(folder, {recursive: true, force: true}));

let open: {close(): Promise<void>}[] = [];
afterEach(async () => {
  await Promise.all(open.map(measurer => measurer.close()));
  open = [];
});
function start(
  changes: Partial<MeasurerSpec> = {},
  options: Parameters<typeof startChildMeasurer>[1] = {},
): ChildMeasurer {
  const measurer = startChildMeasurer({...spec, ...changes}, options);
  open.push(measurer);
  return measurer;
}

const at = (step: number): Moment => ({step, epoch: null, time: 0, logged: {}});
const gone = async (pid: number) => {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    await new Promise(settle => setTimeout(settle, 20));
  }
};

test('says what it measures before it measures', async () => {
  const info = await start({layers: [/^block_0[02]$/]}).info();
  expect(info.layers).toEqual(['block_00', 'block_02']);
  expect(info.blocks).toEqual(['block_00', 'block_02']);
  expect(info.probes).toEqual({count: 12, source: spec.probes});
  expect(info.engine).toMatch(/^onnxruntime-/);
});

test('at t = 0 a folder of the pretrained model gives the ceiling to the bit; a finetuned one does not', async () => {
  const measurer = start();
  const [info, baseline, first, later] = await Promise.all([
    measurer.info(),
    measurer.baseline(),
    measurer.read({folder: tinyVit, moment: at(0)}),
    measurer.read({folder: changed, moment: at(7), acquire: true}),
  ]);
  expect(baseline.fingerprint).toEqual(info.fingerprint);
  expect(first.retention).toEqual(baseline.ceiling);
  expect(later.retention).not.toEqual(baseline.ceiling);
  expect(later).toMatchObject({step: 7, fingerprint: info.fingerprint.id});
  expect(later.acquired).toBeDefined();
  expect(later.convergence).toHaveLength(4);
});

test('what a reading will cost is known before the inversion, and is about what it takes of a core', async () => {
  const pretrained = 'examples/demo/vit';
  const size = {count: 64, channels: 3, height: 32, width: 32};
  const random = seededRandom(1);
  const probes = {...size, data: Float32Array.from({length: 64 * 3 * 32 * 32}, () => random.uniform())};
  const measurer = start({pretrained, probes, inversion: inversionOptions({steps: 2}), floor: 1});
  const cost = await measurer.cost();
  const {cpuSeconds} = (await measurer.read({folder: pretrained, moment: at(0)})).cost;
  expect(cost.each / (1000 * cpuSeconds!)).toBeGreaterThan(0.5);
  expect(cost.each / (1000 * cpuSeconds!)).toBeLessThan(4);
  expect(cost.first).toBeLessThan(cost.each);
});

test('a reading tells the time it was on a core, which does not grow where others have the machine', async () => {
  const busy = Array.from({length: 8}, () => spawn(process.execPath, ['-e', 'for (;;);']));
  const {cost} = await start().read({folder: changed, moment: at(1)});
  for (const process of busy) process.kill('SIGKILL');
  expect(cost.cpuSeconds).toBeLessThan(cost.seconds / 2);
});

test('a checkpoint of NaN weights is refused by the name of the tensor, and the next one is read', async () => {
  const broken = await tinyVariant(join(folder, 'broken'), (name, data) =>
    name.includes('layer.1.output.dense.weight') ? data.map((value, k) => (k === 5 ? NaN : value)) : data,
  );
  const measurer = start();
  await expect(measurer.check(broken)).rejects.toMatchObject({code: 'bad_weights'});
  await expect(measurer.read({folder: broken, moment: at(1)})).rejects.toThrow(
    /layer\.1\.output\.dense\.weight/,
  );
  expect((await measurer.read({folder: changed, moment: at(2)})).step).toBe(2);
});

test('a model that cannot be opened fails every request with its reason, and does not hang', async () => {
  const measurer = start({pretrained: join(folder, 'absent')});
  await expect(measurer.info()).rejects.toThrow(/absent/);
  await expect(measurer.baseline()).rejects.toMatchObject({code: 'bad_weights'});
});

test('several processes share the inversions, and agree with one', async () => {
  const alone = await start().baseline();
  const cache = join(folder, 'shared-cache');
  const seen: Progress[] = [];
  const shared = await start({cache, workers: 3}, {onProgress: progress => seen.push(progress)}).baseline();
  expect(shared.ceiling).toEqual(alone.ceiling);
  expect(shared.gates).toEqual(alone.gates);
  expect(seen[0]!.phase).toBe('estimate');
});

describe('a process that dies', () => {
  test('is started again once, the cause is told, and the layers it finished are kept', async () => {
    const notices: string[] = [];
    let killed = false;
    const process_ = new WorkerProcess(
      {...spec, cache: join(folder, 'killed-cache')},
      {
        onProgress({phase, layer}) {
          if (killed || phase !== 'inversion' || layer !== 'block_01') return;
          killed = true;
          process.kill(process_.pid!, 'SIGKILL');
        },
        onNotice: (code, message) => code !== 'nothing_scored' && notices.push(`${code}: ${message}`),
      },
    );
    open.push(process_);
    const baseline = await process_.request<Baseline>({type: 'baseline'});
    expect(killed).toBe(true);
    expect(notices).toEqual([
      'measuring_restarted: the measuring process died (SIGKILL); it is started again',
    ]);
    expect(baseline.ceiling).toEqual((await start().baseline()).ceiling);
    // Norm and block_02 were in the cache: only two layers were inverted by the second process.
    expect(baseline.cost.gradients).toBeLessThan(3 * 5 * 12);
  });

  test('tells the line of its standard error that says why', async () => {
    const notices: string[] = [];
    process.env.NODE_OPTIONS = '--require /nowhere/absent.cjs';
    try {
      const measurer = start(
        {},
        {onNotice: (code, message) => code !== 'nothing_scored' && notices.push(message)},
      );
      await expect(measurer.info()).rejects.toThrow(
        /died \(exit code 1\); its last words: Error: Cannot find module '\/nowhere\/absent\.cjs'; it was tried/,
      );
      expect(notices).toHaveLength(1);
      expect(notices[0]).toContain('/nowhere/absent.cjs');
    } finally {
      delete process.env.NODE_OPTIONS;
    }
  });

  test('a second time over one request gives that request up, not the next', async () => {
    const notices: string[] = [];
    let deaths = 0;
    const process_ = new WorkerProcess(
      {...spec, cache: join(folder, 'twice-cache')},
      {
        onProgress() {
          if (deaths >= 2) return;
          deaths++;
          process.kill(process_.pid!, 'SIGKILL');
        },
        onNotice: code => code !== 'nothing_scored' && notices.push(code),
      },
    );
    open.push(process_);
    const first = process_.request({type: 'baseline'});
    const second = process_.request<Baseline>({type: 'baseline'});
    await expect(first).rejects.toMatchObject({
      code: 'engine_failed',
      message: expect.stringContaining('died (SIGKILL); it was tried 2 times') as string,
    });
    expect((await second).layers).toHaveLength(4);
    expect(notices).toEqual(['measuring_restarted']);
  });
});

describe('the process of the user', () => {
  const script = (body: string) => {
    const child = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import {startChildMeasurer} from ${JSON.stringify(pathToFileURL(resolve('dist/measure/child/child-measurer.js')).href)};
         import {execFileSync} from 'node:child_process';
         const measurer = startChildMeasurer(${JSON.stringify(spec)});
         const children = () => execFileSync('ps', ['-o', 'pid=', '--ppid', String(process.pid)], {encoding: 'utf8'});
         ${body}`,
      ],
      {stdio: ['ignore', 'pipe', 'inherit']},
    );
    const lines = createInterface({input: child.stdout});
    return {child, first: new Promise(settle => lines.once('line', settle).once('close', settle))};
  };

  test('may be killed: the measuring process ends by itself', async () => {
    const {child, first} = script(`
      await measurer.info();
      console.log(children().trim().split(/\\s+/)[0]);
      await measurer.baseline();
      await new Promise(() => setInterval(() => {}, 1000));`);
    const pid = Number(await first);
    expect(pid).toBeGreaterThan(0);
    child.kill('SIGKILL');
    expect(await gone(pid)).toBe(true);
  });

  test('ends when it is done, though nothing was closed', async () => {
    const {child, first} = script(`await measurer.info(); console.log('done');`);
    expect(await first).toBe('done');
    expect(await new Promise(settle => child.once('exit', settle))).toBe(0);
  });

  test('closing refuses what is open and ends the process', async () => {
    const measurer = start();
    await measurer.info();
    const baseline = measurer.baseline();
    const refused = expect(baseline).rejects.toThrow(/closed/);
    await measurer.close();
    await refused;
    await expect(measurer.info()).rejects.toThrow(/closed/);
  });
});
