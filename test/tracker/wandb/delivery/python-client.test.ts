import {mkdtempSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {wandbPictures} from '../../../../src/plugin/wandb-pictures.js';
import {openJournal} from '../../../../src/journal/index.js';
import {charts} from '../../../../src/tracker/wandb/content/charts.js';
import {summaryKinds} from '../../../../src/tracker/wandb/content/config.js';
import {resolveSettings} from '../../../../src/tracker/wandb/settings.js';
import {freshState, writeState} from '../../../../src/tracker/wandb/delivery/state.js';
import {deliverRun} from '../../../../src/tracker/wandb/delivery/deliver.js';
import {sampleBaseline, sampleInfo, sampleLayers, sampleReading} from '../../sample-run.js';
import {python, pythonHas} from '../../../python.js';
import {runPython} from '../run-python.js';
import {quickTiming} from '../quick-timing.js';
import {rowsOf, type Line, type StoredRun} from '../stand-in-store.js';
import {StandIn} from '../stand-in.js';

let server: StandIn;
let root: string;
beforeEach(async () => {
  server = await new StandIn().up();
  root = mkdtempSync(join(tmpdir(), 'python-'));
});
afterEach(() => server.down());

const settings = {
  project: 'birds',
  name: 'first',
  group: 'g',
  jobType: 'finetune',
  tags: ['vit', 'cifar'],
  notes: 'a note',
};

async function recorded(id: string, {rows = 3, readings = [0, 100, 200]} = {}): Promise<string> {
  const folder = join(root, 'invariance', id);
  const journal = openJournal(folder);
  await journal.start(sampleInfo(id), {resumed: false});
  journal.event({type: 'baseline', time: sampleInfo().created, baseline: sampleBaseline()});
  for (const step of readings) journal.reading(sampleReading(step));
  for (let i = 0; i < rows; i++) {
    const values = {loss: i === 1 ? NaN : 1 / (i + 1), big: i === 2 ? Infinity : i};
    journal.event({
      type: 'logged',
      time: sampleInfo().created + i * 1000,
      step: 200 + i,
      epoch: null,
      values,
    });
  }
  journal.finish('finished');
  const resolved = resolveSettings({baseUrl: server.url, ...settings, id}, {env: {}});
  writeState(folder, freshState(resolved));
  return folder;
}

async function uploadOurs(id: string): Promise<StoredRun> {
  const folder = await recorded(id);
  const timing = {...quickTiming, requestMs: 5000};
  await deliverRun({
    folder,
    apiKey: 'k',
    timing,
    pictures: wandbPictures,
    isLive: () => false,
    withoutEnd: 'crashed',
  });
  return server.store.run('ada', 'birds', id)!;
}

/** Bytes of a file that a row names. */
function fileOf(run: StoredRun, value: unknown): Buffer {
  return server.store.blobs.get(
    `${run.entity}/${run.project}/${run.name}/${(value as {path: string}).path}`,
  )!;
}

describe.skipIf(!pythonHas('wandb'))(`the official client, where ${python} has it,`, () => {
  /** Our rows again, through the official client. */
  async function uploadTheirs(ours: StoredRun): Promise<StoredRun> {
    const rows = rowsOf(ours).map(row => {
      const given = {values: {}, tables: {}, images: {}, strips: {}, charts: {}} as Record<
        string,
        Record<string, unknown>
      >;
      for (const [key, value] of Object.entries(row)) {
        const {_type, caption} = (value ?? {}) as {_type?: string; caption?: string};
        const chart = charts.find(each => `${each.key}_table` === key);
        if (key.startsWith('_')) continue;
        if (_type === 'image-file') {
          const path = join(root, `${Math.random()}.png`);
          writeFileSync(path, fileOf(ours, value));
          given.images![key] = {path, caption};
        } else if (chart) {
          const {preset, fields, strings} = chart;
          given.charts![chart.key] = {...JSON.parse(fileOf(ours, value).toString()), preset, fields, strings};
        } else if (_type === 'table-file') given.tables![key] = JSON.parse(fileOf(ours, value).toString());
        else if (_type === 'histogram') given.strips![key] = value;
        else given.values![key] = value;
      }
      return given;
    });
    const task = {
      ...settings,
      job_type: settings.jobType,
      id: 'theirs',
      config: Object.fromEntries(
        Object.entries(ours.config)
          .filter(([key]) => key !== '_wandb')
          .map(([key, {value}]) => [key, value]),
      ),
      dir: root,
      metrics: [...summaryKinds(sampleLayers)].map(([key, kinds]) => [key, kinds.join()]),
      rows,
    };
    writeFileSync(join(root, 'task.json'), JSON.stringify(task));
    await runPython(['test/tracker/wandb/python-client.py', join(root, 'task.json')], {
      baseUrl: server.url,
      home: root,
    });
    return server.store.run('ada', 'birds', 'theirs')!;
  }

  /** What depends on the clock, the client or the run's id. */
  const comparable = (row: Line) => {
    const {_timestamp, _runtime, ...rest} = row;
    expect([typeof _timestamp, typeof _runtime]).toEqual(['number', 'number']);
    return Object.fromEntries(
      Object.entries(rest).map(([key, value]) => {
        if (typeof value !== 'object' || value === null) return [key, value];
        // Tables are artifacts too in the official client; its files are found by `path` all the same.
        const {artifact_path, _latest_artifact_path, ...fields} = value as Record<string, unknown>;
        void [artifact_path, _latest_artifact_path];
        // It writes another PNG of the same picture, so bytes, hash and name differ.
        if (fields._type === 'image-file') {
          const {path, sha256, size, ...shape} = fields as {path: string; sha256: string; size: number};
          expect(path).toBe(path.replace(/[0-9a-f]{20}\.png$/, `${sha256.slice(0, 20)}.png`));
          expect(size).toBeGreaterThan(0);
          return [key, {...shape, path: path.replace(/_[0-9a-f]{20}/, '')}];
        }
        return [key, fields];
      }),
    );
  };

  it('logs the same run in the same shapes as ours, field by field', {timeout: 120_000}, async () => {
    const ours = await uploadOurs('ours');
    const theirs = await uploadTheirs(ours);
    const [ourRows, theirRows] = [ours, theirs].map(rowsOf);
    expect(ourRows!.map(comparable)).toEqual(theirRows!.map(comparable));
    for (const field of ['tags', 'notes', 'group', 'jobType', 'displayName', 'state', 'exitcode'] as const) {
      expect({[field]: ours[field]}).toEqual({[field]: theirs[field]});
    }
    const {_wandb: ourWandb, ...ourConfig} = ours.config;
    const {_wandb: theirWandb, ...theirConfig} = theirs.config;
    expect(ourConfig).toEqual(theirConfig);
    const [ourInside, theirInside] = [ourWandb!.value, theirWandb!.value] as {
      m: object[];
      visualize: object;
    }[];
    expect(ourInside!.visualize).toEqual(theirInside!.visualize);
    // Its order of metrics varies, so the step metric is compared by name.
    const nameOf = (metric: object) => String((metric as {1?: string})[1] ?? (metric as {2?: string})[2]);
    const byName = (metrics: object[]) =>
      Object.fromEntries(
        metrics.map(metric => {
          const {5: step, 7: kept, ...rest} = metric as {5?: number; 7: number[]};
          const axis = step === undefined ? null : nameOf(metrics[step - 1]!);
          return [nameOf(metric), {...rest, axis, kept: [...kept].sort()}];
        }),
      );
    for (const [name, metric] of Object.entries(byName(theirInside!.m)))
      expect({[name]: byName(ourInside!.m)[name]}).toEqual({[name]: metric});
    const shape = (summary: Record<string, unknown>) => {
      const {_wandb, ...rest} = summary;
      expect(typeof (_wandb as {runtime: number}).runtime).toBe('number');
      return comparable(rest as Line);
    };
    expect(shape(ours.summary)).toEqual(shape(theirs.summary));
  });
});
