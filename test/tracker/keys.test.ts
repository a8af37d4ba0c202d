import {readFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {layerSegments, metricKeys, scalarsOf} from '../../src/tracker/index.js';
import {sampleBaseline, sampleInfo, sampleLayers, sampleReading} from './sample-run.js';

const changes = (value: number) =>
  sampleLayers.map(() => ({status: 'scored' as const, value, low: value - 0.1, high: value + 0.1}));
const ridge = ['class folders', 'new.csv'].map((labels, set) => ({
  labels,
  accuracy: [0.5 + set / 4, null, 0.5, 0.5],
  change: changes(-0.25),
  kept: changes(-0.5),
}));

const acquired = {
  ...sampleReading(500),
  ridge,
  acquired: {
    similarity: sampleReading(500).retention,
    novelty: [0.1, null, null, null],
    gates: sampleBaseline().gates.map((gate, i) => ({...gate, passed: i !== 2})),
  },
};

describe('scalarsOf', () => {
  it('puts every number of a reading under its key', () => {
    const scalars = scalarsOf(sampleReading(1000), sampleBaseline());
    expect(scalars).toMatchObject({
      'train/global_step': 1000,
      'train/epoch': 10,
      'invariance/scored_layers': 3,
      'invariance/retention/block_00': 0.5,
      'invariance/retention_low/block_00': 0.45,
      'invariance/retention_high/block_00': 0.55,
      'invariance/compression': 0.15,
      'invariance/flow_centre/block_02': 1.2,
      'invariance/gain/block_00': 0.02,
      'invariance/gain_low/block_00': 0.02,
      'invariance/loss/block_02': 0.1,
      'invariance/loss_low/block_02': 0.1,
      'invariance/arrival/block_00': 2,
      'invariance/weight_drift/block_01': 0.02,
      'invariance/factor/hue/block_02': -0.475,
      'invariance/cost/seconds': 3.2,
    });
    expect(scalars['invariance/retention']).toBeCloseTo((0.5 + 0.48 + 0.47) / 3, 12);
    expect(scalars['invariance/similarity/block_00']).toBeCloseTo(0.625, 12);
    expect(scalars['invariance/similarity_low/block_00']).toBeCloseTo(0.575, 12);
    expect(scalars['invariance/similarity_high/block_00']).toBeCloseTo(0.675, 12);
    expect(scalars['invariance/forgetting/block_00']).toBeCloseTo(0.95 - 0.625, 12);
    expect(scalars['invariance/drift/block_00']).toBeCloseTo(0.05, 12);
  });

  it('passes the values of the training through under their own names', () => {
    expect(scalarsOf(sampleReading(1000), sampleBaseline())['train/loss']).toBe(1);
  });

  it('has no key for what is withheld, absent or not finite', () => {
    const reading = {...sampleReading(0), epoch: null, logged: {loss: NaN}};
    const scalars = scalarsOf(reading, sampleBaseline());
    for (const key of ['train/epoch', 'loss', 'invariance/flow_centre/norm']) {
      expect(scalars).not.toHaveProperty(key);
    }
    expect(Object.values(scalars).every(Number.isFinite)).toBe(true);
  });

  it('has the ridge probes of both sets of labels, whatever became of the inversion', () => {
    const scalars = scalarsOf(acquired, sampleBaseline());
    expect(scalars).toMatchObject({
      'invariance/probe_accuracy/block_00': 0.5,
      'invariance/probe_accuracy_second/block_00': 0.75,
      'invariance/probe_change/block_01': -0.25,
      'invariance/probe_kept_second/norm': -0.5,
    });
    expect(scalars).not.toHaveProperty('invariance/probe_accuracy/block_01');
  });

  it('has only what needs no inversion of a layer whose inversion did not converge', () => {
    const keys = Object.keys(scalarsOf({...acquired, ridge: []}, sampleBaseline())).filter(key =>
      key.endsWith('/block_01'),
    );
    expect(keys).toEqual([
      'invariance/drift/block_01',
      'invariance/weight_drift/block_01',
      // What the finetuned layer ignores is another inversion, and that one converged.
      'invariance/acquired/block_01',
      'invariance/factor/hue/block_01',
    ]);
  });

  it('has nothing acquired by a layer whose own inversion did not converge', () => {
    const scalars = scalarsOf(acquired, sampleBaseline());
    expect(scalars).toHaveProperty('invariance/acquired/block_00');
    expect(scalars).not.toHaveProperty('invariance/acquired/block_02');
  });

  it('counts only converged layers in the mean of forgetting, and all of those or none', () => {
    const reading = sampleReading(1000);
    const baseline = sampleBaseline();
    for (const matrix of [reading.retention.unbiased, baseline.ceiling.unbiased]) matrix[1]![1] = -5;
    expect(scalarsOf(reading, baseline)['invariance/forgetting']).toBeCloseTo(0.325, 12);
    reading.retention.unbiased[2]![2] = null;
    expect(scalarsOf(reading, baseline)).not.toHaveProperty('invariance/forgetting');
  });

  it('holds back what rests on inversions where no baseline says what they are worth', () => {
    const keys = Object.keys(scalarsOf(sampleReading(0), null));
    expect(keys).toContain('invariance/drift/block_00');
    for (const name of ['similarity', 'forgetting']) expect(keys.join()).not.toContain(name);
  });

  it('leaves out the mean where every layer is withheld', () => {
    const reading = {...sampleReading(0), meanScore: null};
    reading.scores = reading.scores.map(() => ({status: 'withheld', reason: 'fewer than 4 images'}));
    const scalars = scalarsOf(reading, sampleBaseline());
    expect(scalars).not.toHaveProperty('invariance/retention');
    expect(scalars['invariance/scored_layers']).toBe(0);
  });
});

describe('layerSegments', () => {
  it('keeps names that are fit for a key', () => {
    expect(layerSegments(sampleLayers)).toEqual(sampleLayers);
  });
  it('replaces what would open a section or mean something in a regular expression, and keeps names apart', () => {
    expect(layerSegments(['enc/dense (1)', 'a/b', 'a b'])).toEqual(['enc_dense_1_', 'a_b_1', 'a_b_2']);
  });
});

describe('docs/metric-keys.md', () => {
  const rows = readFileSync('docs/metric-keys.md', 'utf8')
    .split('\n')
    .map(line => /^\| `([^`]+)` \| (.*) \| (.*) \|$/.exec(line))
    .filter(row => row !== null)
    .map(([, key, summary, meaning]) => ({key, summary, meaning}));

  it('is the table of the code, word for word', () => {
    expect(rows).toEqual(
      metricKeys.map(({key, of, summary, meaning}) => ({
        key: {run: key, layer: `${key}/<layer>`, factor: `${key}/<factor>/<layer>`}[of],
        summary: summary.join(', '),
        meaning,
      })),
    );
  });

  it('names every key that a reading logs, and each of them is logged', () => {
    const logged = Object.keys(scalarsOf(acquired, sampleBaseline())).filter(
      key => !(key in acquired.logged),
    );
    const layers = layerSegments(sampleInfo().layers).join('|');
    for (const key of logged) {
      const documented = key.replace(new RegExp(`/(${layers})$`), '/<layer>').replace('/hue/', '/<factor>/');
      expect(rows.map(row => row.key)).toContain(documented);
    }
    for (const {key} of rows) {
      expect(logged).toContain(key!.replace('<layer>', 'block_00').replace('<factor>', 'hue'));
    }
  });
});
