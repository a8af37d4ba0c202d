import {describe, expect, it} from 'vitest';
import type {JournalRecord} from '../../../../src/journal/index.js';
import type {RunEvent} from '../../../../src/types.js';
import {
  RowMaker,
  mediaKeys,
  type Pictures,
  type RowMakerOptions,
} from '../../../../src/tracker/wandb/content/rows.js';
import {sampleBaseline, sampleInfo, sampleReading} from '../../sample-run.js';

const {created} = sampleInfo();
const stepKey = 'train/global_step';

const event = (value: RunEvent): JournalRecord => ({seq: 0, kind: 'event', event: value});
const reading = (step: number): JournalRecord => ({seq: 0, kind: 'reading', reading: sampleReading(step)});
const logged = (step: number, values: Record<string, number>, epoch: number | null = null): JournalRecord =>
  event({type: 'logged', time: created + 1000 * step, step, epoch, values});
const resumed = (step: number): JournalRecord => event({type: 'resumed', time: created, step});
const ended: JournalRecord = event({type: 'ended', time: created + 5000, state: 'finished'});
const baseline: JournalRecord = event({type: 'baseline', time: created, baseline: sampleBaseline()});

async function rowsFor(records: JournalRecord[], options: Partial<RowMakerOptions> = {}, draw = true) {
  const maker = new RowMaker({info: sampleInfo(), ...options});
  const rows = [];
  for (const record of records) rows.push(...(await maker.rows(record, {draw})));
  return rows;
}

const valuesFor = async (...args: Parameters<typeof rowsFor>) =>
  (await rowsFor(...args)).map(({values}) => values);

const pictures: Pictures = {
  matrix: () => Promise.resolve({png: Uint8Array.of(1), width: 2, height: 3, caption: 'a matrix'}),
  layersBySteps: readings =>
    Promise.resolve({png: Uint8Array.of(2), width: readings.length, height: 1, caption: 'a map'}),
  flow: () => Promise.resolve({columns: ['a'], data: [[1], [2]]}),
};

describe('the rows of a run', () => {
  it('hold what the training logged, at its step, epoch and time', async () => {
    expect(await valuesFor([logged(3, {loss: 0.5}, 0.25), logged(4, {loss: 0.4})])).toEqual([
      {
        loss: 0.5,
        'train/global_step': 3,
        'train/epoch': 0.25,
        _timestamp: created / 1000 + 3,
        _runtime: 3,
        _step: 0,
      },
      {loss: 0.4, 'train/global_step': 4, _timestamp: created / 1000 + 4, _runtime: 4, _step: 1},
    ]);
  });

  it('have no files but those of media', async () => {
    const rows = await rowsFor([logged(1, {loss: 1}), reading(1), ended]);
    expect(rows.map(({files}) => files)).toEqual([[], [], []]);
    expect(Object.keys(rows[0]!.values).sort()).toEqual(
      ['_runtime', '_step', '_timestamp', 'loss', stepKey].sort(),
    );
  });

  it('say from which step a training diverged, and take it back where it is resumed from before', async () => {
    const at = {type: 'notice', time: created, level: 'error', code: 'diverged', message: ''} as const;
    const records = [event({...at, step: 130}), resumed(200), resumed(120)];
    expect((await valuesFor(records)).map(row => row['invariance/diverged'])).toEqual([130, null]);
  });

  it('are counted', async () => {
    const maker = new RowMaker({info: sampleInfo(), base: 3});
    expect(maker.next).toBe(3);
    await maker.rows(baseline, {draw: false});
    await maker.rows(logged(1, {loss: 1}), {draw: false});
    expect(maker.next).toBe(4);
  });

  it('start no run before its beginning, where clocks differ', async () => {
    expect(await valuesFor([logged(-1, {loss: 1})])).toMatchObject([{_runtime: 0}]);
  });

  it('count on from the lines that others wrote before', async () => {
    const rows = await valuesFor([logged(1, {loss: 1}), logged(2, {loss: 1})], {base: 7});
    expect(rows.map(row => row._step)).toEqual([7, 8]);
  });

  it('are none for what is no value', async () => {
    const records = [
      baseline,
      resumed(0),
      event({type: 'notice', time: 1, level: 'info', code: 'a', message: 'b'}),
      event({type: 'checkpoint', time: 1, step: 1, path: 'a', aliases: []}),
      ended,
    ];
    expect(await rowsFor(records)).toEqual([]);
  });

  it('hold only what needs no baseline before there is one', async () => {
    const [row, ...more] = await rowsFor([reading(100)], {pictures});
    expect(more).toEqual([]);
    expect(row!.files).toEqual([]);
    expect(row!.values).not.toHaveProperty(mediaKeys.strip);
    expect(row!.values).toMatchObject({'train/global_step': 100, 'train/loss': expect.any(Number)});
  });

  it('hold the strip of layers and the tables of a reading, each beside its file', async () => {
    const said: string[] = [];
    const [row] = await rowsFor([baseline, reading(100)], {onTrouble: line => said.push(line)});
    expect(said).toEqual([]);
    expect(row!.values[mediaKeys.strip]).toMatchObject({_type: 'histogram'});
    const tables = Object.entries(row!.values).filter(([key]) => key.endsWith('_table'));
    expect(tables.map(([key]) => key)).toEqual([
      'invariance/retention_matrix_table',
      'invariance/chart/retention_by_layer_table',
      'invariance/chart/similarity_by_layer_table',
      'invariance/chart/flow_table',
      'invariance/chart/factors_table',
      'invariance/chart/inversion_quality_table',
      'invariance/chart/deepest_retention_table',
      'invariance/chart/retention_over_steps_table',
      'invariance/chart/drift_over_steps_table',
    ]);
    expect(row!.files.map(({path}) => path)).toEqual(
      tables.map(([, value]) => (value as {path: string}).path),
    );
    expect(row!.files[0]!.path).toMatch(
      /^media\/table\/invariance\/retention_matrix_table_0_[0-9a-f]{20}\.table\.json$/,
    );
  });

  it('hold tables that grow after 1, 2, 4, 8 readings and at the end, always of all readings', async () => {
    const rows = await rowsFor([baseline, ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map(reading), ended]);
    const grown = rows.flatMap(({values}) => {
      const table = values['invariance/chart/deepest_retention_table'] as {nrows: number} | undefined;
      return table === undefined ? [] : [[values[stepKey], table.nrows]];
    });
    expect(grown).toEqual([
      [1, 1],
      [2, 2],
      [4, 4],
      [8, 8],
      [9, 9],
    ]);
    expect(rows.at(-1)!.values).not.toHaveProperty('invariance/chart/flow_table');
    expect(rows.flatMap(({files}) => files)).not.toContain(undefined);
  });

  it('hold pictures where somebody draws them', async () => {
    const rows = await valuesFor([baseline, reading(1), reading(2), reading(3), ended], {pictures});
    expect(rows[0]![mediaKeys.matrix]).toMatchObject({
      _type: 'image-file',
      width: 2,
      height: 3,
      caption: 'a matrix',
    });
    expect(rows[0]![mediaKeys.flow]).toMatchObject({_type: 'table-file', nrows: 2, ncols: 1});
    const maps = rows.map(row => (row[mediaKeys.map] as {width: number} | undefined)?.width);
    expect(maps).toEqual([1, 2, undefined, 3]);
  });

  it('hold no pictures where none are to be drawn, and the same lines', async () => {
    const records = [baseline, reading(1), reading(2), ended];
    const drawn = await valuesFor(records, {pictures});
    const plain = await valuesFor(records, {pictures}, false);
    const keys = new Set<string>([mediaKeys.map, mediaKeys.matrix, mediaKeys.flow]);
    const undrawn = await rowsFor(records, {pictures}, false);
    expect(undrawn.flatMap(({files}) => files.map(({path}) => path.split('/')[1]))).not.toContain('images');
    expect(plain).toEqual(
      drawn.map(row => Object.fromEntries(Object.entries(row).filter(([key]) => !keys.has(key)))),
    );
  });

  it('go without a picture that cannot be drawn, and say so', async () => {
    const said: string[] = [];
    const broken: Pictures = {
      ...pictures,
      matrix: () => Promise.reject(new Error('no font')),
      flow: () => Promise.reject(new Error('out of paint')),
    };
    const [row] = await rowsFor([baseline, reading(1)], {
      pictures: broken,
      onTrouble: line => said.push(line),
    });
    expect(row!.values).not.toHaveProperty(mediaKeys.matrix);
    expect(row!.values).toHaveProperty(mediaKeys.map);
    expect(row!.files).not.toContain(undefined);
    expect(said).toEqual([
      'cannot draw invariance/retention_matrix: no font',
      'cannot draw invariance/flow_shares_table: out of paint',
    ]);
  });

  it('end at the highest step that was seen, logged or read', async () => {
    const end = async (...records: JournalRecord[]) => (await valuesFor([...records, ended])).at(-1);
    expect(await end(baseline, reading(200), reading(100))).toMatchObject({[stepKey]: 200, _runtime: 5});
    expect(await end(baseline, reading(100), logged(300, {loss: 1}))).toMatchObject({[stepKey]: 300});
  });

  it('hold the readings in the order of their steps, each step once, as it was read last', async () => {
    let seen: number[] = [];
    const watching: Pictures = {
      ...pictures,
      layersBySteps(readings) {
        seen = readings.map(({step}) => step);
        return pictures.layersBySteps(readings);
      },
    };
    await rowsFor([baseline, reading(300), reading(100), reading(200), reading(100), ended], {
      pictures: watching,
    });
    expect(seen).toEqual([100, 200, 300]);
  });
});

describe('the rows of a resumed run', () => {
  it('do not hold a step twice that the run has already logged or read', async () => {
    const before = [logged(1, {loss: 1}), reading(1), logged(2, {loss: 1}), reading(2)];
    const after = [logged(2, {loss: 2}), reading(2), logged(3, {loss: 2}), reading(3)];
    const rows = await valuesFor([...before, resumed(1), ...after]);
    expect(rows.map(row => [row[stepKey], 'invariance/scored_layers' in row])).toEqual([
      [1, false],
      [1, true],
      [2, false],
      [2, true],
      [3, false],
      [3, true],
    ]);
    expect(rows.map(row => row._step)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(rows[2]).toMatchObject({loss: 1});
  });

  it('hold another set of values at a step that the run has logged, whatever the order of their names', async () => {
    const rows = await valuesFor([
      logged(1, {loss: 1, lr: 2}),
      resumed(0),
      logged(1, {accuracy: 3}),
      logged(1, {lr: 5, loss: 4}),
    ]);
    expect(rows.map(({loss, accuracy}) => [loss, accuracy])).toEqual([
      [1, undefined],
      [undefined, 3],
    ]);
  });

  it('may hold a step twice that comes twice without a resume', async () => {
    expect(await rowsFor([logged(1, {loss: 1}), logged(1, {loss: 2})])).toHaveLength(2);
    expect(
      await rowsFor([logged(1, {loss: 1}), resumed(1), logged(2, {loss: 2}), logged(2, {loss: 3})]),
    ).toHaveLength(3);
  });
});

describe('a row that is too long for a request', () => {
  const values = Object.fromEntries(Array.from({length: 20}, (_, i) => [`key_${i}`, i + 0.5]));

  it('becomes several, with the same place on the axes, that hold everything once', async () => {
    const limit = 200;
    const rows = await rowsFor([logged(3, values, 0.5)], {limit});
    expect(rows.length).toBeGreaterThan(2);
    for (const [i, {values: row}] of rows.entries()) {
      expect(row).toMatchObject({[stepKey]: 3, 'train/epoch': 0.5, _runtime: 3, _step: i});
      expect(Buffer.byteLength(JSON.stringify(JSON.stringify(row)))).toBeLessThan(limit + 20);
    }
    const found = rows.flatMap(({values: row}) =>
      Object.entries(row).filter(([key]) => key.startsWith('key_')),
    );
    expect(found).toEqual(Object.entries(values));
  });

  it('stays one where it just fits', async () => {
    const [row] = await valuesFor([logged(3, values)]);
    // The line's number is given afterwards.
    const limit = Buffer.byteLength(JSON.stringify(JSON.stringify({...row, _step: undefined})));
    expect(await rowsFor([logged(3, values)], {limit})).toHaveLength(1);
    expect(await rowsFor([logged(3, values)], {limit: limit - 1})).toHaveLength(2);
  });

  it('is measured in bytes: three of them for some letters', async () => {
    const wide = {['語'.repeat(100)]: 1, ['言'.repeat(100)]: 1};
    expect(await rowsFor([logged(1, wide)], {limit: 500})).toHaveLength(2);
  });

  it('keeps a value whole that is longer than the limit by itself', async () => {
    const long = 'x'.repeat(500);
    const rows = await valuesFor([logged(1, {[long]: 1, short: 2})], {limit: 200});
    expect(rows.map(row => [long in row, 'short' in row])).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  it('has its files before its first part', async () => {
    const rows = await rowsFor([baseline, reading(1)], {limit: 1000});
    expect(rows.length).toBeGreaterThan(1);
    expect(rows[0]!.files.length).toBeGreaterThan(0);
    expect(rows.slice(1).every(({files}) => files.length === 0)).toBe(true);
  });
});
