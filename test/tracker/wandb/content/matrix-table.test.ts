import {expect, it} from 'vitest';
import {matrixTable} from '../../../../src/tracker/wandb/content/matrix-table.js';
import {sampleBaseline, sampleLayers, sampleReading} from '../../sample-run.js';

it('the table of a reading has a row for each pair of layers, with its drift alone where the inversion failed', () => {
  const [reading, baseline] = [sampleReading(100), sampleBaseline()];
  const {columns, data} = matrixTable(reading, baseline);
  expect(columns).toEqual([
    'pretrained_layer',
    'finetuned_layer',
    'retention',
    'retention_biased',
    'ceiling',
    'floor',
    'drift',
  ]);
  expect(data).toHaveLength(16);
  expect(data[2]).toEqual([
    'block_00',
    'block_02',
    reading.retention.unbiased[0]![2],
    reading.retention.biased[0]![2],
    baseline.ceiling.unbiased[0]![2],
    baseline.floor.unbiased[0]![2],
    reading.drift.unbiased[0]![2],
  ]);
  expect(data[7]).toEqual(['block_01', 'norm', null, null, null, null, reading.drift.unbiased[1]![3]]);
  expect(data.map(([pretrained]) => pretrained)).toEqual(
    sampleLayers.flatMap(layer => Array<string>(4).fill(layer)),
  );
});
