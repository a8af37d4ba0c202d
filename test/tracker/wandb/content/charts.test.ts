import {describe, expect, it} from 'vitest';
import type {Reading} from '../../../../src/types.js';
import {chartReading, charts, retentionOf, visualize} from '../../../../src/tracker/wandb/content/charts.js';
import {sampleBaseline, sampleLayers, sampleReading} from '../../sample-run.js';

function tableOf(key: string, readings: Reading[]) {
  const chart = charts.find(candidate => candidate.key === `invariance/chart/${key}`)!;
  return chart.table(
    readings.map(reading => chartReading(reading, sampleBaseline())),
    sampleBaseline(),
  );
}

const readings = [0, 100].map(sampleReading);
const scoreOf = (reading: Reading, i: number) => {
  const score = reading.scores[i]!;
  if (score.status === 'withheld') throw new Error(score.reason);
  return score;
};

describe('the charts of a run', () => {
  it('show retention by layer of the last reading, with the reason where it is withheld', () => {
    const {columns, data} = tableOf('retention_by_layer', readings);
    expect(columns).toEqual(['layer', 'retention', 'low', 'high', 'reason']);
    const {value, low, high} = scoreOf(readings[1]!, 0);
    expect(data[0]).toEqual(['block_00', value, low, high, null]);
    expect(data[1]).toEqual([
      'block_01',
      null,
      null,
      null,
      'inversion not converged: fvu 0.080 is not under 0.05',
    ]);
    expect(data).toHaveLength(sampleLayers.length);
  });

  it('show R of the last reading between its marks, and nothing where it rests on images that are not good enough', () => {
    const {columns, data} = tableOf('similarity_by_layer', readings);
    expect(columns).toEqual([
      'layer',
      'similarity',
      'low',
      'high',
      'floor',
      'spread',
      'scratch',
      'ceiling',
      'reason',
    ]);
    const near = (value: number) => expect.closeTo(value, 12) as number;
    const kept = 0.3 + 0.65 / 1.1;
    expect(data[0]).toEqual([
      'block_00',
      kept,
      near(kept - 0.05),
      near(kept + 0.05),
      0.3,
      0.02,
      0.6,
      0.95,
      null,
    ]);
    const nothing = Array.from({length: 7}, () => null);
    expect(data[1]).toEqual(['block_01', ...nothing, 'inversion not converged: fvu 0.080 is not under 0.05']);
  });

  it("show where each block's invariances lie, without those of which nothing is known", () => {
    expect(tableOf('flow', readings)).toEqual({
      columns: ['layer', 'centre'],
      data: [
        [0, 0.5],
        [2, 1.2],
      ],
    });
  });

  it('show the deepest layer over steps, null where it is withheld', () => {
    const withheld = sampleReading(200);
    withheld.scores = withheld.scores.map(() => ({status: 'withheld', reason: 'constant'}));
    expect(tableOf('deepest_retention', [...readings, withheld])).toEqual({
      columns: ['step', 'retention'],
      data: [
        [0, scoreOf(readings[0]!, 3).value],
        [100, scoreOf(readings[1]!, 3).value],
        [200, null],
      ],
    });
  });

  it('show retention and drift of every layer over steps', () => {
    const retention = tableOf('retention_over_steps', readings);
    expect(retention.columns).toEqual(['step', 'lineKey', 'lineVal']);
    expect(retention.data).toEqual(
      readings.flatMap(reading =>
        sampleLayers.map((layer, i) => [reading.step, layer, i === 1 ? null : scoreOf(reading, i).value]),
      ),
    );
    const drift = tableOf('drift_over_steps', readings);
    expect(drift.columns).toEqual(['step', 'lineKey', 'lineVal']);
    expect(drift.data).toEqual(
      readings.flatMap(({step, drift: {unbiased}}) =>
        sampleLayers.map((layer, i) => [step, layer, unbiased[i]![i]!]),
      ),
    );
  });

  it('show how well each layer was inverted', () => {
    expect(tableOf('inversion_quality', readings)).toEqual({
      columns: ['layer', 'fvu', 'threshold', 'gate'],
      data: sampleLayers.map((layer, i) => [
        layer,
        i === 1 ? 0.08 : 0.01,
        0.05,
        i === 1 ? 'failed' : 'passed',
      ]),
    });
  });

  it('show how the invariance to each factor changed, layer by layer', () => {
    const {columns, data} = tableOf('factors', readings);
    expect(columns.slice(0, 4)).toEqual(['place', 'layer', 'factor', 'change']);
    const last = readings.at(-1)!.factors![0]!;
    expect(data.map(row => row.slice(0, 4))).toEqual(
      sampleLayers.map((layer, i) => {
        const score = last.change[i]!;
        return [i, layer, 'hue', score.status === 'scored' ? score.value : null];
      }),
    );
    expect(data[2]!.slice(6)).toEqual([0.95, last.invariance[2], null]);
  });

  it('each draw, on a preset of W&B, columns that their table has, under a title of their own', () => {
    const axes: Record<string, string[]> = {
      'wandb/bar/v0': ['label', 'value'],
      'wandb/line/v0': ['x', 'y', 'stroke'],
      'wandb/lineseries/v0': ['step', 'lineKey', 'lineVal'],
    };
    for (const {preset, fields, table} of charts) {
      expect(Object.keys(fields)).toEqual(axes[preset]);
      const {columns} = table(
        readings.map(reading => chartReading(reading, sampleBaseline())),
        sampleBaseline(),
      );
      for (const column of Object.values(fields)) if (column !== null) expect(columns).toContain(column);
    }
    const titles = charts.map(({strings}) => strings.title);
    expect(titles.every(Boolean)).toBe(true);
    expect(new Set(titles).size).toBe(charts.length);
    expect(charts.flatMap(({strings}) => strings.xname ?? [])).toEqual([
      'step',
      'step',
      'layer, shallow to deep',
    ]);
  });

  it('are sent with every reading, but for those that grow with the run', () => {
    expect(charts.filter(({grows}) => grows).map(({key}) => key.split('/').at(-1))).toEqual([
      'deepest_retention',
      'retention_over_steps',
      'drift_over_steps',
    ]);
  });

  it('are drawn by W&B from the tables of the runs that are selected, on its own presets', () => {
    const drawn = visualize() as Record<string, Record<string, unknown>>;
    expect(Object.keys(drawn)).toEqual(charts.map(({key}) => key));
    expect(drawn['invariance/chart/flow']).toEqual({
      panel_type: 'Vega2',
      panel_config: {
        panelDefId: 'wandb/line/v0',
        fieldSettings: {x: 'layer', y: 'centre', stroke: null},
        stringSettings: {title: "Flow: block where each layer's invariance lies"},
        transform: {name: 'tableWithLeafColNames'},
        userQuery: {
          queryFields: [
            {
              name: 'runSets',
              args: [{name: 'runSets', value: '${runSets}'}],
              fields: [
                {name: 'id', fields: []},
                {name: 'name', fields: []},
                {name: '_defaultColorIndex', fields: []},
                {
                  name: 'summaryTable',
                  args: [{name: 'tableKey', value: 'invariance/chart/flow_table'}],
                  fields: [],
                },
              ],
            },
          ],
        },
      },
    });
  });
});

describe('retentionOf', () => {
  it('is the score of each layer, null where it is withheld', () => {
    expect(retentionOf(sampleReading(0))).toEqual([1, null, 0.98, 0.97]);
  });
});
