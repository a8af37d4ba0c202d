import {execFileSync} from 'node:child_process';
import {copyFile, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {Analysis} from '../../src/cli/measure/analysis.js';
import {canMount} from '../can-mount.js';
import {finetuned, tinyProbes, tinyVariant, tinyVit} from '../measure/tiny-vit.js';
import {run} from './run.js';

const layers = ['block_00', 'block_01', 'block_02', 'norm'];
let folder: string;
let changed: string;
let probes: string;
let environment: Record<string, string>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'invariance-cli-'));
  changed = await tinyVariant(join(folder, 'changed'), finetuned(0.3, 1));
  probes = await tinyProbes(join(folder, 'probes.safetensors'));
  environment = {XDG_CACHE_HOME: join(folder, 'cache')};
});
afterAll(() => rm(folder, {recursive: true, force: true}));

const measure = (changes: Record<string, string | true | undefined> = {}) => {
  const defaults = {pretrained: tinyVit, finetuned: changed, probes, steps: '5'};
  const options: Record<string, string | true | undefined> = {...defaults, ...changes};
  const args = Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : value === true ? [`--${name}`] : [`--${name}`, value],
  );
  return run(['measure', ...args], environment);
};

test('--json prints every field of the analysis, pretrained layers as rows', async () => {
  const {code, stdout, stderr} = await measure({json: true, acquired: true, threads: '2'});
  // On standard output there is JSON alone; five steps of inversion score nothing, which is said beside it.
  expect(stderr).toMatch(/^(no layer can be scored in this run: .*)?\n?$/);
  expect(code).toBe(0);
  const analysis = JSON.parse(stdout) as Analysis;
  expect(analysis.layers).toEqual(layers);
  for (const name of ['R', 'W0', 'floor', 'A', 'drift'] as const)
    for (const estimator of ['unbiased', 'biased'] as const) {
      expect(analysis[name]![estimator]).toHaveLength(4);
      for (const row of analysis[name]![estimator]) expect(row).toHaveLength(4);
    }
  expect(analysis.scores).toHaveLength(4);
  expect(analysis.gates.map(({layer}) => layer)).toEqual(layers);
  expect(analysis.compression.layers).toHaveLength(4);
  for (const name of ['retentionIntervals', 'gain', 'loss', 'arrival'] as const)
    expect(analysis[name]).toHaveLength(4);
  expect(analysis.floorSpread).toEqual({draws: 8, diagonal: Array(4).fill(expect.any(Number))});
  expect(analysis.scratch).toBeNull();
  expect(analysis.flow.centre).toHaveLength(4);
  expect(analysis.convergence).toHaveLength(4);
  expect(analysis.novelty).toHaveLength(4);
  expect(analysis.acquiredGates!.map(({layer}) => layer)).toEqual(layers);
  expect(analysis.blocks).toEqual(layers.slice(0, 3));
  expect(analysis.fingerprint).toMatchObject({pooling: 'cls', inversion: {preset: 'fast', steps: 5}});
  expect(analysis.cost.forwards).toBeGreaterThan(0);
  // Block 0 was not touched: column 0 of R is that of W0, and its drift is 0.
  expect(analysis.R.unbiased.map(row => row[0])).toEqual(analysis.W0.unbiased.map(row => row[0]));
  expect(analysis.drift.unbiased[0]![0]).toBe(0);
  expect(analysis.weightDrift[0]).toBe(0);
  expect(analysis.weightDrift[2]).toBeGreaterThan(0);
});

test('the table names every layer and ends in a sentence', async () => {
  const {code, stdout, stderr} = await measure({steps: '100'});
  expect(code).toBe(0);
  expect(stderr).toBe('');
  for (const layer of layers) expect(stdout).toContain(`\n${layer}`);
  expect(stdout).toMatch(/retention \[95 %\]\s+R \[95 %\]\s+floor ± sd\s+ceiling\s+drift/);
  expect(stdout).toMatch(/second half of the inversion changed R by at most \d\.\d{3} \(\w+\)/);
  expect(stdout).toContain('12 probes of');
  // Block 1 was changed: it and what lies behind it lost, what lies before did not.
  expect(stdout).toMatch(/\nLost, and not found to have arrived in another block: .*\.\n/);
  expect(stdout).toMatch(/\nblock_00 +1\.000 \[1\.000, 1\.000\]/);
  expect(stdout).not.toContain('In brackets');
});

describe('layers whose inversion did not converge', () => {
  const few = {preset: 'stir', steps: '2', acquired: true} as const;

  test('are marked in the table, and nothing is said of where their invariances went', async () => {
    const {stdout} = await measure(few);
    for (const layer of layers) {
      const row = new RegExp(`^${layer} .*$`, 'm').exec(stdout)![0];
      expect(row).toMatch(
        /withheld +\(-?\d\.\d+ \[.*\]\) +\(-?\d\.\d+ ± \d\.\d+\) +\(-?\d\.\d+\) +-?\d\.\d+ +\d\.\d+ /,
      );
    }
    expect(stdout).toContain('In brackets: measured on images whose inversion did not converge');
    expect(stdout).toMatch(/block_01: novelty withheld, of the finetuned layer inversion not converged: fvu/);
    expect(stdout).toContain('No layer has a score, as no inversion converged: take more --steps.');
    expect(stdout).toContain('Gain and loss are not known of block_00 to norm.');
    expect(stdout).not.toMatch(/Moved:|Lost,|second half of the inversion/);
  });

  test('have no flow, compression or novelty in the JSON, which holds both gates', async () => {
    const analysis = JSON.parse((await measure({...few, json: true})).stdout) as Analysis;
    for (const gates of [analysis.gates, analysis.acquiredGates!])
      expect(gates.map(({layer, passed}) => [layer, passed])).toEqual(layers.map(layer => [layer, false]));
    for (const withheld of [
      analysis.novelty!,
      analysis.flow.centre,
      analysis.flow.initial,
      analysis.compression.layers,
    ])
      expect(withheld).toEqual([null, null, null, null]);
    expect(analysis.compression.mean).toBeNull();
  });
});

test('--out leaves the same analysis as a file, a report and its pictures', async () => {
  const out = join(folder, 'out', 'deep');
  const {code, stdout} = await measure({out, json: true});
  expect(code).toBe(0);
  expect(await readFile(join(out, 'analysis.json'), 'utf8')).toBe(stdout);
  expect((await readdir(out)).sort()).toEqual(['analysis.json', 'media', 'report.html']);
  expect(await readdir(join(out, 'media'))).toContain('matrix-last.png');
  const report = await readFile(join(out, 'report.html'), 'utf8');
  expect(report).toContain('<h1>changed</h1>');
  expect(report).toContain('Invariance report · finished · 1 reading · started');
  expect(report).toContain('Layers in changed');
});

test('the report names the step where a Trainer left it beside the weights', async () => {
  const trained = await tinyVariant(join(folder, 'checkpoint-120'), (_, data) => data);
  await writeFile(
    join(trained, 'trainer_state.json'),
    '{"global_step": 120, "epoch": 1.5, "log_history": []}',
  );
  const out = join(folder, 'out', 'trained');
  await measure({finetuned: trained, out, steps: '1'});
  const report = await readFile(join(out, 'report.html'), 'utf8');
  expect(report).toContain('<h1>checkpoint-120</h1>');
  expect(report).toContain('finished · 1 reading · last at step 120, epoch 1.50');
  expect(report).toContain('Layers at step 120');
});

test('--layers, --pool, --seeds, --random and --probes-max are taken', async () => {
  const {stdout} = await measure({
    json: true,
    layers: 'block_00,block_02,n*',
    pool: 'cls',
    seeds: await tinyProbes(join(folder, 'seeds.safetensors'), {seed: 8}),
    random: await tinyVariant(join(folder, 'random'), finetuned(1)),
    'probes-max': '8',
  });
  const analysis = JSON.parse(stdout) as Analysis;
  expect(analysis.layers).toEqual(['block_00', 'block_02', 'norm']);
  expect(analysis.fingerprint.pooling).toBe('cls');
  expect(analysis.probes.count).toBe(8);
});

test('a folder of images is a set of probes', async () => {
  const images = join(folder, 'images');
  await mkdir(images);
  for (const file of ['colour.png', 'colour.jpg', 'colour.webp', 'grey.png'])
    await copyFile(join('test/fixtures/probes', file), join(images, file));
  const {code, stdout} = await measure({probes: images, json: true});
  expect(code).toBe(0);
  expect((JSON.parse(stdout) as Analysis).probes).toEqual({count: 4, source: images});
});

test('a layer that is constant is withheld with its reason, the others are measured', async () => {
  const constant = await tinyVariant(join(folder, 'constant'), (name, data) =>
    name.endsWith('vit.layernorm.weight') ? data.map(() => 0) : data,
  );
  const {code, stdout} = await measure({pretrained: constant, finetuned: constant, json: true});
  expect(code).toBe(0);
  const {scores, R} = JSON.parse(stdout) as Analysis;
  expect(scores[3]).toMatchObject({status: 'withheld'});
  expect(R.unbiased[0]![3]).toBeNull();
  expect(R.unbiased[0]![0]).toBeGreaterThan(0);
});

test('a finetuned model whose layers vary by rounding alone has no score, however large a number it would give', async () => {
  const dead = await tinyVariant(join(folder, 'dead'), (name, data) =>
    name.endsWith('patch_embeddings.projection.weight') ? data.map(value => 2e-8 * value) : data,
  );
  const {stdout} = await measure({finetuned: dead, steps: '100', json: true});
  const {scores, R, gates} = JSON.parse(stdout) as Analysis;
  expect(gates.every(({passed}) => passed)).toBe(true);
  for (const score of scores)
    expect(score).toEqual({
      status: 'withheld',
      reason: 'the layer is constant or not finite at this step',
    });
  expect(R.unbiased.flat().every(value => value === null)).toBe(true);
});

test('the weight drift of a layer is over all weights that no shallower measured layer depends on', async () => {
  const first = await tinyVariant(join(folder, 'first'), (name, data) =>
    name.includes('layer.0.') ? data.map(value => 1.1 * value) : data,
  );
  const driftOf = async (measured: string) => {
    const {stdout} = await measure({finetuned: first, layers: measured, json: true, steps: '1'});
    return (JSON.parse(stdout) as Analysis).weightDrift;
  };
  const [own, ...others] = await driftOf('block_*');
  expect(own).toBeGreaterThan(0);
  expect(others).toEqual([0, 0]);
  const [alone] = await driftOf('block_02');
  expect(alone).toBeGreaterThan(0);
  expect(alone).toBeLessThan(own!);
});

describe('bad input ends in one clear line', () => {
  async function refused(
    changes: Record<string, string | true | undefined>,
    message: RegExp,
    expectedCode = 1,
  ): Promise<void> {
    const {code, stdout, stderr} = await measure(changes);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stdout).toBe('');
    expect(code).toBe(expectedCode);
  }
  const variant = async (name: string) => tinyVariant(join(folder, name), (_, data) => data);

  test('architectures that differ', async () => {
    const other = 'test/fixtures/architectures/vit';
    await refused({finetuned: other}, /tensor|shape|layers|architecture/);
  });

  test('a missing folder', () => refused({pretrained: join(folder, 'absent')}, /absent/));

  test('a truncated safetensors file', async () => {
    const cut = await variant('cut');
    await truncate(join(cut, 'model.safetensors'), 5000);
    await refused({finetuned: cut}, /cut.model\.safetensors/);
  });

  test('a lying safetensors file', async () => {
    const lying = await variant('lying');
    const path = join(lying, 'model.safetensors');
    const bytes = await readFile(path);
    bytes.writeBigUInt64LE(2n ** 40n);
    await writeFile(path, bytes);
    await refused({pretrained: lying}, /lying.model\.safetensors/);
  });

  test('an unknown model_type, with those that are known', async () => {
    const unknown = await variant('unknown');
    const path = join(unknown, 'config.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('"vit"', '"swin"'));
    await refused({pretrained: unknown}, /swin.*vit/);
  });

  test('no layer matched, with those that there are', () =>
    refused({layers: 'blocks.*'}, /blocks\.\*.*block_00.*norm/, 1));

  test('NaN weights, before anything is inverted', async () => {
    const broken = await tinyVariant(join(folder, 'nan'), (name, data) =>
      name.endsWith('layer.2.intermediate.dense.bias') ? data.map(() => NaN) : data,
    );
    await refused({finetuned: broken}, /layer\.2\.intermediate\.dense\.bias/);
    await refused({pretrained: broken}, /layer\.2\.intermediate\.dense\.bias/);
  });

  test('fewer than 4 probes', async () =>
    refused({probes: await tinyProbes(join(folder, 'few.safetensors'), {count: 3})}, /3 images; at least 4/));

  test('an empty probe folder', async () => {
    await mkdir(join(folder, 'empty'));
    await refused({probes: join(folder, 'empty')}, /empty holds no image/);
  });

  test('an unreadable image', async () => {
    const images = join(folder, 'unreadable');
    await mkdir(images);
    await writeFile(join(images, 'torn.png'), 'no');
    await refused({probes: images}, /torn\.png cannot be read/);
  });

  test('an output folder that cannot be made', async () => {
    await writeFile(join(folder, 'file'), '');
    await refused({out: join(folder, 'file', 'out')}, /cannot write .*out.*choose another/);
  });

  test.skipIf(!canMount())('an output folder on a full disk', async () => {
    const disk = join(folder, 'disk');
    await mkdir(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'none', disk]);
    try {
      await writeFile(join(disk, 'full'), Buffer.alloc(4096));
      await refused({out: disk}, /cannot write .*: the disk is full/);
    } finally {
      execFileSync('umount', [disk]);
    }
  });

  test.skipIf(!canMount())('a cache on a full disk is a notice, not a failure', async () => {
    const disk = join(folder, 'cache-disk');
    await mkdir(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'none', disk]);
    try {
      const args = ['--pretrained', tinyVit, '--finetuned', changed, '--probes', probes, '--steps', '5'];
      const {code, stdout, stderr} = await run(['measure', ...args, '--json'], {XDG_CACHE_HOME: disk});
      expect(code).toBe(0);
      expect(stderr).toMatch(/kept in memory only.*(no space left|the disk is full)/);
      expect((JSON.parse(stdout) as Analysis).layers).toEqual(layers);
    } finally {
      execFileSync('umount', [disk]);
    }
  });

  test('wrong use is exit code 2', async () => {
    for (const changes of [
      {probes: undefined},
      {pool: 'max'},
      {preset: 'slow'},
      {steps: '0'},
      {'probes-max': '3'},
      {seeds: 'seven'},
    ] as Record<string, string | undefined>[]) {
      const {code, stderr} = await measure(changes);
      expect(code).toBe(2);
      expect(stderr).toMatch(/\S/);
    }
    expect((await run(['measur'])).code).toBe(2);
  });

  test('the stack is shown only with DEBUG', async () => {
    const args = ['measure', '--pretrained', 'a', '--finetuned', 'b', '--probes', 'c'];
    expect((await run(args)).stderr).not.toContain('    at ');
    expect((await run(args, {DEBUG: '1'})).stderr).toContain('    at ');
  });
});
