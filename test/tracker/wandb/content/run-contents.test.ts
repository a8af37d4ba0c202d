import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest';
import {wandbPictures} from '../../../../src/plugin/wandb-pictures.js';
import {metricKeys, scalarsOf, type Pictures} from '../../../../src/tracker/index.js';
import {openJournal, type Journal} from '../../../../src/journal/index.js';
import {charts} from '../../../../src/tracker/wandb/content/charts.js';
import {mediaKeys} from '../../../../src/tracker/wandb/content/rows.js';
import {resolveSettings, type WandbOptions} from '../../../../src/tracker/wandb/settings.js';
import {freshState, readState, writeState} from '../../../../src/tracker/wandb/delivery/state.js';
import {deliverRun} from '../../../../src/tracker/wandb/delivery/deliver.js';
import {sampleBaseline, sampleInfo, sampleLayers, sampleReading} from '../../sample-run.js';
import {quickTiming} from '../quick-timing.js';
import {rowsOf, type Line, type StoredRun} from '../stand-in-store.js';
import {StandIn} from '../stand-in.js';

let server: StandIn;
const steps = [0, 100, 200, 300, 400];

async function recorded(folder: string, more: (journal: Journal) => void = () => {}): Promise<void> {
  const journal = openJournal(folder);
  await journal.start(sampleInfo('run-1', {lr: 0.001, batch: 16n, when: new Float32Array([1, 2])}), {
    resumed: false,
  });
  journal.event({type: 'baseline', time: sampleInfo().created, baseline: sampleBaseline()});
  for (const step of steps) {
    const time = sampleInfo().created + step;
    journal.event({
      type: 'logged',
      time,
      step,
      epoch: step / 100,
      values: {'train/loss': 1, lr: step === 200 ? NaN : 0.1},
    });
    journal.reading(sampleReading(step));
  }
  more(journal);
  journal.finish('finished');
}

async function uploaded(
  options: WandbOptions = {},
  {more, pictures}: {more?: (journal: Journal) => void; pictures?: Pictures} = {},
): Promise<string> {
  const folder = join(mkdtempSync(join(tmpdir(), 'contents-')), 'run-1');
  await recorded(folder, more);
  const settings = resolveSettings({baseUrl: server.url, project: 'birds', ...options}, {env: {}});
  writeState(folder, freshState(settings));
  await upload(folder, pictures);
  return folder;
}

function upload(folder: string, pictures?: Pictures) {
  const timing = {...quickTiming, requestMs: 5000};
  return deliverRun({
    folder,
    apiKey: 'k',
    timing,
    pictures,
    isLive: () => false,
    withoutEnd: 'crashed',
  });
}

describe('a run holds', () => {
  let run: StoredRun;
  let rows: Line[];
  beforeAll(async () => {
    server = await new StandIn().up();
    await uploaded(
      {name: 'first', group: 'g', jobType: 'finetune', tags: ['vit', 'cifar'], notes: 'a note'},
      {pictures: wandbPictures},
    );
    run = server.store.only;
    rows = rowsOf(run);
  });
  afterAll(() => server.down());

  function fileOf(value: unknown): Buffer {
    const {path} = value as {path: string};
    expect(run.uploaded).toContain(path);
    return server.store.blobs.get(`ada/birds/run-1/${path}`)!;
  }

  it('its name, group, job type, tags, notes and commit', () => {
    expect(run).toMatchObject({
      displayName: 'first',
      group: 'g',
      jobType: 'finetune',
      tags: ['vit', 'cifar'],
      notes: 'a note',
      commit: sampleInfo().git,
    });
  });

  it("a config in W&B's shape", () => {
    expect(run.config.lr).toEqual({value: 0.001});
    expect(run.config.batch).toEqual({value: 16});
    expect(run.config.when).toEqual({value: [1, 2]});
    expect(run.config.invariance!.value).toMatchObject({
      fingerprint: 'f1',
      layers: sampleLayers,
      pooling: 'tokens',
      inversion: {preset: 'fast', steps: 50},
      probes: {count: 32, source: 'data/birds/probes', hash: 'x1'},
      engine: sampleInfo().engine,
      versions: sampleInfo().versions,
      git: sampleInfo().git,
      baseline: {failed_gates: ['block_01']},
    });
  });

  it('train/global_step as the axis of all, with summaries', () => {
    const {m} = run.config._wandb!.value as {m: Record<string, unknown>[]};
    expect(m[0]).toEqual({1: 'train/global_step', 6: [3], 7: []});
    expect(m.slice(1).every(metric => metric[5] === 1)).toBe(true);
    const named = m.map(metric => metric[1]);
    for (const key of Object.keys(scalarsOf(sampleReading(100), sampleBaseline()))) {
      if (key !== 'train/epoch' && !key.startsWith('invariance/factor/')) expect(named).toContain(key);
    }
    expect(named).toContain('lr');
    const kept = sampleReading(400).scores[0]!;
    expect(run.summary['invariance/retention/block_00']).toEqual({
      min: (kept as {value: number}).value,
      last: (kept as {value: number}).value,
    });
    expect(run.summary['train/loss']).toBe(2 / 1.4);
    // Which factors there are is known with the first reading only: their last values stand by themselves.
    expect(run.summary['invariance/factor/hue/block_02']).toBeCloseTo(0.95 * (1 / 1.4 - 1), 12);
  });

  it('every key of the table and no other', () => {
    const documented = [
      ...metricKeys.map(({key, of}) => (of === 'factor' ? `${key}/hue` : key)),
      ...Object.values(mediaKeys),
      ...charts.map(({key}) => `${key}_table`),
      'train/loss',
      'lr',
      '_step',
      '_runtime',
      '_timestamp',
    ];
    for (const row of rows) {
      for (const key of Object.keys(row)) {
        expect(
          documented.some(known => key === known || sampleLayers.some(layer => key === `${known}/${layer}`)),
        ).toBe(true);
      }
    }
  });

  it('every picture and table that docs/wandb.md names, and no other', () => {
    const documented = [
      ...readFileSync('docs/wandb.md', 'utf8').matchAll(/^\| `(invariance\/[^`]+)` \|/gm),
    ].map(([, key]) => key);
    const logged = new Set(
      rows.flatMap(row => Object.keys(row).filter(key => typeof row[key] === 'object' && row[key] !== null)),
    );
    expect([...logged].sort()).toEqual(documented.sort());
  });

  it('no NaN, and says so where the training had one', () => {
    expect(rows.map(row => row.lr).filter(value => value !== undefined)).toEqual([0.1, 0.1, 'NaN', 0.1, 0.1]);
  });

  it('the retention matrix of each reading, as image and as table', () => {
    const withImage = rows.filter(row => mediaKeys.matrix in row);
    expect(withImage.map(row => row['train/global_step'])).toEqual(steps);
    const image = withImage[1]![mediaKeys.matrix] as {width: number; height: number; size: number};
    const png = fileOf(image);
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect([png.readUInt32BE(16), png.readUInt32BE(20), png.length]).toEqual([
      image.width,
      image.height,
      image.size,
    ]);
    const table = JSON.parse(fileOf(withImage[1]![mediaKeys.matrixTable]).toString()) as {
      columns: string[];
      data: unknown[][];
    };
    expect(table.columns.slice(0, 3)).toEqual(['pretrained_layer', 'finetuned_layer', 'retention']);
    const {unbiased} = sampleReading(100).retention;
    expect(table.data[1]!.slice(0, 3)).toEqual(['block_00', 'block_01', unbiased[0]![1]]);
    const [, , ...unconverged] = table.data[4]!;
    expect(unconverged).toEqual([null, null, null, null, sampleReading(100).drift.unbiased[1]![0]]);
  });

  it('the layer × step map as image and as table, complete at the end', () => {
    const last = rows.at(-1)!;
    expect(fileOf(last[mediaKeys.map]).subarray(1, 4).toString()).toBe('PNG');
    const table = JSON.parse(fileOf(last['invariance/chart/retention_over_steps_table']).toString()) as {
      data: unknown[][];
    };
    expect(table.data).toHaveLength(steps.length * sampleLayers.length);
    expect(table.data[0]).toEqual([0, 'block_00', 1]);
    expect(table.data[1]).toEqual([0, 'block_01', null]);
  });

  it('a strip of layers in each reading', () => {
    const strip = rows.find(row => mediaKeys.strip in row)![mediaKeys.strip];
    expect(strip).toEqual({_type: 'histogram', values: [1, 0, 0.98, 0.97], bins: [0, 1, 2, 3, 4]});
  });

  it("custom charts on W&B's presets, whose tables are in the summary", () => {
    const {visualize} = run.config._wandb!.value as {
      visualize: Record<
        string,
        {panel_config: {panelDefId: string; fieldSettings: Record<string, string | null>}}
      >;
    };
    expect(Object.keys(visualize)).toEqual(charts.map(({key}) => key));
    for (const [key, {panel_config}] of Object.entries(visualize)) {
      expect(panel_config.panelDefId).toMatch(/^wandb\/(bar|line|lineseries)\/v0$/);
      const table = JSON.parse(fileOf(run.summary[`${key}_table`]).toString()) as {columns: string[]};
      for (const field of Object.values(panel_config.fieldSettings))
        if (field) expect(table.columns).toContain(field);
    }
  });
});

describe('asked for, a run also holds', () => {
  let checkpoints: string;
  beforeEach(async () => {
    server = await new StandIn().up();
    checkpoints = mkdtempSync(join(tmpdir(), 'checkpoints-'));
    for (const step of [100, 200]) {
      mkdirSync(join(checkpoints, `checkpoint-${step}`, 'sub'), {recursive: true});
      writeFileSync(join(checkpoints, `checkpoint-${step}`, 'model.safetensors'), `weights ${step}`);
      writeFileSync(join(checkpoints, `checkpoint-${step}`, 'sub', 'config.json'), '{}');
    }
    return () => server.down();
  });

  type Told = [step: number, aliases: string[]];
  /** As the monitor tells of them, the third folder being gone already. */
  const three: Told[] = [
    [100, ['latest', 'step-100', 'best']],
    [200, ['latest', 'step-200']],
    [300, ['latest', 'step-300']],
  ];
  const withCheckpoints =
    (told: Told[] = three) =>
    (journal: Journal) => {
      for (const [step, aliases] of told) {
        const path = join(checkpoints, `checkpoint-${step}`);
        journal.event({type: 'checkpoint', time: 1, step, path, aliases});
      }
    };
  /** Of each version, as W&B shows them. */
  const aliasesOf = () => server.store.artifacts.map(({aliases}) => [...aliases].sort());

  it('each checkpoint as a version of an artifact, once', async () => {
    const folder = await uploaded({logModel: 'checkpoint'}, {more: withCheckpoints()});
    expect(aliasesOf()).toEqual([
      ['best', 'step-100'],
      ['latest', 'step-200'],
    ]);
    const [first] = server.store.artifacts;
    expect(first).toMatchObject({
      state: 'COMMITTED',
      input: {artifactCollectionName: 'model-run-1', artifactTypeName: 'model'},
    });
    const manifest = JSON.parse(first!.manifest!) as {contents: Record<string, {size: number}>};
    expect(Object.keys(manifest.contents)).toEqual(['model.safetensors', 'sub/config.json']);
    expect(server.store.blobs.get('artifacts/artifact-0/model.safetensors')!.toString()).toBe('weights 100');
    const sent = server.requests.find(({name}) => name === 'artifacts/artifact-0/model.safetensors')!;
    // Storage behind signed URLs takes no body of unknown length.
    expect(sent.headers).toMatchObject({'content-length': '11'});
    // Forgotten what was uploaded: W&B knows the digest.
    writeState(folder, {...readState(folder)!, artifacts: {}, completed: null});
    const before = server.requests.length;
    await upload(folder);
    expect(server.store.artifacts).toHaveLength(2);
    const again = server.requests.slice(before).map(({name}) => name);
    expect(again.filter(name => name === 'CreateArtifact')).toHaveLength(2);
    expect(again.filter(name => name.startsWith('artifacts/'))).toEqual([]);
    expect(aliasesOf()).toEqual([
      ['best', 'step-100'],
      ['latest', 'step-200'],
    ]);
  });

  it.each(['checkpoint', 'end'] as const)(
    'the best checkpoint, known late, and the last, with logModel "%s"',
    async logModel => {
      const told: Told[] = [
        [100, ['latest', 'step-100']],
        [200, ['latest', 'step-200']],
        [100, ['best']],
      ];
      await uploaded({logModel}, {more: withCheckpoints(told)});
      expect(aliasesOf()).toEqual([
        ['best', 'step-100'],
        ['latest', 'step-200'],
      ]);
    },
  );

  it('the best checkpoint though its folder is gone by the time it is the best', async () => {
    const told: Told[] = [
      [100, ['latest', 'step-100']],
      [200, ['latest', 'step-200']],
    ];
    const folder = await uploaded({logModel: 'checkpoint'}, {more: withCheckpoints(told)});
    rmSync(join(checkpoints, 'checkpoint-100'), {recursive: true});
    const journal = openJournal(folder);
    await journal.start(sampleInfo(), {resumed: true});
    withCheckpoints([[100, ['best']]])(journal);
    journal.finish('finished');
    await upload(folder);
    expect(aliasesOf()).toEqual([
      ['best', 'step-100'],
      ['latest', 'step-200'],
    ]);
  });

  it('only the last checkpoint, at the end', async () => {
    const told: Told[] = [
      [100, []],
      [200, ['best']],
    ];
    await uploaded({logModel: 'end'}, {more: withCheckpoints(told)});
    expect(aliasesOf()).toEqual([['best', 'latest', 'step-200']]);
  });

  it.each([
    ['is refused', {kind: 'errors', message: 'storage quota exceeded: permission denied'} as const],
    ['finds no storage', {kind: 'status', status: 503} as const],
  ])('all its rows where a checkpoint %s, and the checkpoint with the next sync', async (_, fault) => {
    server.fault = ({kind, name}) =>
      name === 'CreateArtifact' || (kind === 'file' && name.startsWith('artifacts/')) ? fault : null;
    const folder = await uploaded({logModel: 'checkpoint'}, {more: withCheckpoints(three.slice(0, 2))});
    expect(rowsOf(server.store.only)).toHaveLength(11);
    expect(server.store.only.state).toBe('finished');
    expect(readState(folder)!.owed.map(({kind}) => kind)).toEqual(['artifact', 'artifact']);
    server.fault = () => null;
    await upload(folder);
    expect(aliasesOf()).toEqual([
      ['best', 'step-100'],
      ['latest', 'step-200'],
    ]);
    expect(server.store.artifacts.every(({state}) => state === 'COMMITTED')).toBe(true);
    expect(readState(folder)!.owed).toEqual([]);
  });

  it('a checkpoint that failed first, at the end, without what later ones have taken over', async () => {
    const refused = {kind: 'errors', message: 'permission denied'} as const;
    server.faultTimes(1, refused, ({name}) => name === 'CreateArtifact');
    await uploaded({logModel: 'checkpoint'}, {more: withCheckpoints(three.slice(0, 2))});
    expect(aliasesOf()).toEqual([
      ['latest', 'step-200'],
      ['best', 'step-100'],
    ]);
  });

  it('no checkpoint by default', async () => {
    await uploaded({}, {more: withCheckpoints()});
    expect(server.store.artifacts).toEqual([]);
  });

  it('an alert when a layer falls under a threshold, once a layer and run', async () => {
    const folder = await uploaded({alerts: {below: 0.8}});
    expect(server.store.alerts.map(({title}) => title)).toEqual([
      'low retention in block_00',
      'low retention in block_02',
      'low retention in norm',
    ]);
    writeState(folder, {...readState(folder)!, completed: null});
    await upload(folder);
    expect(server.store.alerts).toHaveLength(3);
  });

  it('an alert when a layer falls fast', async () => {
    await uploaded({alerts: {fallPer1000Steps: 0.8}});
    expect(server.store.alerts).toHaveLength(3);
    expect(server.store.alerts[0]!.text).toMatch(
      /fell from 1\.000 to 0\.909 within 100 steps at step 100: 0\.909 per 1,000 steps/,
    );
  });
});
