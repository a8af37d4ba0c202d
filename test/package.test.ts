import {execFileSync, spawnSync} from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join, resolve} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {python, pythonHas} from './python.js';

const {
  exports: entries,
  imports: programs,
  version,
} = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, string | {default: string}>;
  imports: Record<string, string>;
  version: string;
};

/** A project that has installed the package as it is published: from its tarball, beside this one's dependencies. */
let project: string;
let packed: string;
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'package-'));
  packed = join(project, 'node_modules/wandb-invariance');
  mkdirSync(packed, {recursive: true});
  const [{filename}] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  ) as [{filename: string}];
  execFileSync('tar', ['-xzf', join(project, filename), '-C', packed, '--strip-components=1']);
  symlinkSync(resolve('node_modules'), join(packed, 'node_modules'));
  for (const scope of ['@tensorflow', '@types']) {
    symlinkSync(resolve('node_modules', scope), join(project, 'node_modules', scope));
  }
  writeFileSync(join(project, 'package.json'), '{"type": "module"}');
});
afterAll(() => rmSync(project, {recursive: true, force: true}));

const run = (file: string, ...args: string[]): string =>
  execFileSync(process.execPath, [file, ...args], {cwd: project, encoding: 'utf8'});

describe('the published package', () => {
  it('can be imported at every entry', () => {
    const libraries = Object.keys(entries).filter(entry => entry !== './package.json');
    const names = libraries.map(entry => `wandb-invariance${entry.slice(1)}`);
    writeFileSync(
      join(project, 'import.js'),
      `for (const name of ${JSON.stringify(names)}) {
        const {length} = Object.keys(await import(name));
        console.log(name, length > 0);
      }`,
    );
    expect(run('import.js').trim().split('\n')).toEqual(names.map(name => `${name} true`));
  });

  it('brings the programs of its own processes, which nobody else can import', () => {
    expect(Object.keys(programs)).toEqual(['#worker', '#uploader']);
    for (const file of Object.values(programs)) {
      expect([file, existsSync(join(packed, file))]).toEqual([file, true]);
      writeFileSync(
        join(project, 'private.js'),
        `await import('wandb-invariance/${file.slice(2)}').catch(({code}) => console.log(code));`,
      );
      expect(run('private.js').trim()).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED');
    }
  });

  it('imports no TensorFlow.js, onnxruntime, vega, sharp or W&B before it is used', () => {
    const light = mkdtempSync(join(tmpdir(), 'light-'));
    mkdirSync(join(light, 'node_modules'));
    cpSync(join(packed, 'dist'), join(light, 'dist'), {recursive: true});
    cpSync(join(packed, 'package.json'), join(light, 'package.json'));
    for (const name of ['zod', 'ml-matrix'])
      symlinkSync(resolve('node_modules', name), join(light, 'node_modules', name));
    writeFileSync(
      join(light, 'import.js'),
      `const {loadVit, wandbTracker} = await import('./dist/index.js');
      console.log(typeof loadVit, wandbTracker({mode: 'offline'}).name);`,
    );
    expect(run(join(light, 'import.js')).trim()).toBe('function wandb');
    rmSync(light, {recursive: true, force: true});
  });

  it('has a command line that says its version', () => {
    expect(run(join(packed, 'dist/cli/main.js'), '--version').trim()).toBe(version);
  });

  it('brings what the command line and the docs name: the demo’s weights, chart specs and callbacks', () => {
    for (const path of [
      'examples/demo/vit/model.safetensors',
      'templates/charts/retention-map.json',
      'templates/callbacks/trainer.py',
      'templates/report.md',
    ]) {
      expect([path, existsSync(join(packed, path))]).toEqual([path, true]);
    }
  });

  it('brings every page, picture and file that its pages link to', () => {
    const pages = readdirSync(packed, {recursive: true, encoding: 'utf8'}).filter(
      path => path.endsWith('.md') && !path.startsWith('node_modules'),
    );
    const broken = pages.flatMap(page => {
      const links = readFileSync(join(packed, page), 'utf8').matchAll(
        /\]\(([^)\s#]+)[^)]*\)|(?:src|href)="([^"#]+)"/g,
      );
      return [...links]
        .map(([, link, attribute]) => (link ?? attribute)!)
        .filter(link => !/^(https?|mailto):/.test(link) && !existsSync(join(packed, dirname(page), link)))
        .map(link => `${page}: ${link}`);
    });
    expect(pages).toContain('README.md');
    expect(pages).toContain('docs/callback.md');
    expect(broken).toEqual([]);
  });

  it.skipIf(!pythonHas())('is what the Python watcher starts in a project that has installed it', () => {
    // As npm links a package's commands.
    mkdirSync(join(project, 'node_modules/.bin'));
    const command = join(packed, 'dist/cli/main.js');
    chmodSync(command, 0o755);
    symlinkSync(command, join(project, 'node_modules/.bin/wandb-invariance'));
    mkdirSync(join(project, 'src'));
    const {stderr} = spawnSync(
      python,
      ['-c', 'from watcher import Watcher; Watcher("out", "no-model", "no-probes").finish(wait=True)'],
      {
        cwd: join(project, 'src'),
        env: {...process.env, PYTHONPATH: join(packed, 'templates/callbacks'), HF_HUB_OFFLINE: '1'},
        encoding: 'utf8',
      },
    );
    expect(stderr).toMatch(/the watcher has ended with exit code 1: .*no-model/);
  });

  /** A user's project in TypeScript, as strict as can be. */
  const USE = `import * as tf from '@tensorflow/tfjs';
    import {loadVit, monitorInvariance, wandbTracker, type Score} from 'wandb-invariance';
    import {cka, gramOf} from 'wandb-invariance/metrics';
    import {renderReport} from 'wandb-invariance/render';
    export async function use(
      images: tf.data.Dataset<tf.Tensor4D>,
      train: tf.data.Dataset<{xs: tf.Tensor; ys: tf.Tensor}>,
    ): Promise<string> {
      const model = await loadVit(tf, 'models/vit', {classes: 3});
      for (const probes of ['probes', tf.zeros([8, 8, 8, 3]), images, train, tf.data.array([tf.zeros([8, 8, 3])])]) {
        const monitor = await monitorInvariance({tf, model, probes, trackers: [wandbTracker({project: 'birds'})]});
        await model.fitDataset(train, {epochs: 5, initialEpoch: monitor.state.epoch, callbacks: monitor.callback()});
        await model.fitDataset(train, {epochs: 5, callbacks: [new tf.CustomCallback({}), monitor.callback()]});
        await monitor.finish();
      }
      await monitorInvariance({tf, model, probes: images});
      await monitorInvariance({tf, model, probes: train});
      const score: Score = {status: 'withheld', reason: 'none'};
      return score.reason + String(cka.length + gramOf.length + renderReport.length);
    }`;

  it.each([
    ['an ES module', 'use.mts', {module: 'NodeNext'}],
    ['CommonJS, where require() of an ES module is known', 'use.cts', {module: 'NodeNext'}],
    ['CommonJS of Node 20', 'use.cts', {module: 'node20', moduleResolution: 'node16'}],
    ['a bundler', 'use.ts', {module: 'ESNext', moduleResolution: 'bundler'}],
  ])(
    'has types that a strict project can use as %s, its own checked too',
    {timeout: 180_000},
    (_, file, how) => {
      writeFileSync(join(project, file), USE);
      writeFileSync(
        join(project, 'tsconfig.json'),
        JSON.stringify({
          compilerOptions: {
            strict: true,
            exactOptionalPropertyTypes: true,
            noUncheckedIndexedAccess: true,
            noEmit: true,
            target: 'ES2023',
            types: ['node'],
            ...how,
          },
          files: [file],
        }),
      );
      const {stdout} = spawnSync(
        process.execPath,
        [resolve('node_modules/typescript/bin/tsc'), '-p', project],
        {
          cwd: project,
          encoding: 'utf8',
        },
      );
      const ours = stdout.split('\n').filter(line => /wandb-invariance\/dist|^use\.|^error/.test(line));
      expect(ours).toEqual([]);
    },
  );
});
