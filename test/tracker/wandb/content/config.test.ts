import {describe, expect, it} from 'vitest';
import {
  configOf,
  firstLineOf,
  mergeConfig,
  summaryKinds,
  type WandbConfig,
} from '../../../../src/tracker/wandb/content/config.js';
import {sampleBaseline, sampleInfo} from '../../sample-run.js';

type Metric = Record<number, unknown>;

function withMetrics(...m: Metric[]): WandbConfig {
  return {_wandb: {value: {m}}};
}

function metricsOf(config: WandbConfig): Metric[] {
  return (config._wandb!.value as {m: Metric[]}).m;
}

/** The step metrics of a config by name: W&B writes them as places in the list, counted from 1. */
function stepsOf(config: WandbConfig): Record<string, unknown> {
  const metrics = metricsOf(config);
  return Object.fromEntries(
    metrics
      .filter(metric => metric[5] !== undefined)
      .map(metric => [String(metric[1] ?? metric[2]), metrics[(metric[5] as number) - 1]?.[1]]),
  );
}

const ours = configOf(sampleInfo(), sampleBaseline(), ['train/loss']);

describe('the config of a run', () => {
  it("is the user's own, each entry wrapped once", () => {
    const info = sampleInfo('run-1', {
      lr: 0.1,
      wrapped: {value: 5},
      list: [1],
      pair: {value: 1, unit: 'm'},
      none: null,
    });
    expect(configOf(info, null)).toMatchObject({
      lr: {value: 0.1},
      wrapped: {value: 5},
      list: {value: [1]},
      pair: {value: {value: 1, unit: 'm'}},
      none: {value: null},
    });
  });

  it('says all that decides what was measured', () => {
    const info = sampleInfo();
    expect(configOf(info, null).invariance!.value).toEqual({
      fingerprint: 'f1',
      pretrained: 'p1',
      layers: info.layers,
      pooling: 'tokens',
      inversion: {preset: 'fast', steps: 50},
      probes: {count: 32, source: 'data/birds/probes', hash: 'x1'},
      seeds: 's1',
      floor: 'random 0',
      engine: info.engine,
      versions: info.versions,
      git: info.git,
      run: 'run-1',
      created: info.created,
    });
  });

  it('says the baseline in numbers, layer by layer, once it is measured', () => {
    const baseline = sampleBaseline();
    const {baseline: said} = ours.invariance!.value as {baseline: Record<string, unknown>};
    expect(said).toEqual({
      ceiling: [0.95, 0.95, 0.95, 0.95],
      floor: [0.3, 0.3, 0.3, 0.3],
      floor_spread: [0.02, 0.02, 0.02, 0.02],
      floor_draws: 8,
      scratch: [0.6, 0.6, 0.6, 0.6],
      controls: baseline.controls,
      fvu: [0.01, 0.08, 0.01, 0.01],
      failed_gates: ['block_01'],
      seconds: 12,
    });
  });

  it('defines the axis first, our keys with their summaries, then what the training logs, then all else', () => {
    const metrics = metricsOf(
      configOf(sampleInfo(), null, ['train/loss', 'train/global_step', 'invariance/retention']),
    );
    expect(metrics[0]).toEqual({1: 'train/global_step', 6: [3], 7: []});
    expect(metrics.slice(-2)).toEqual([
      {1: 'train/loss', 5: 1, 6: [1], 7: []},
      {2: '*', 5: 1, 6: [1], 7: []},
    ]);
    const named = metrics.map(metric => metric[1]);
    expect(new Set(named).size).toBe(named.length);
    expect(metrics).toContainEqual({1: 'invariance/retention', 5: 1, 6: [1, 3], 7: [1, 5]});
    expect(metrics).toContainEqual({1: 'invariance/forgetting/norm', 5: 1, 6: [1, 3], 7: [2, 5]});
  });

  it('names no key of the training before it has logged one', () => {
    const named = metricsOf(configOf(sampleInfo(), null)).map(metric => metric[1]);
    expect(named.filter(key => key !== undefined && !(key as string).startsWith('invariance/'))).toEqual([
      'train/global_step',
    ]);
  });

  it('sums up every key but the axes, one a layer where it is of a layer', () => {
    const kinds = summaryKinds(['a', 'b']);
    expect(kinds.get('invariance/retention')).toEqual(['min', 'last']);
    expect(kinds.get('invariance/drift/b')).toEqual(['max', 'last']);
    expect(kinds.has('invariance/drift')).toBe(false);
    expect(kinds.has('train/global_step')).toBe(false);
    expect(kinds.has('train/epoch')).toBe(false);
  });

  it('finds again the line at which this recording begins, and none for another', () => {
    const info = sampleInfo();
    expect(firstLineOf(configOf(info, null, [], 7), info)).toBe(7);
    expect(firstLineOf(configOf(info, null), info)).toBe(0);
    expect(firstLineOf(configOf(info, null), {...info, id: 'run-2'})).toBeNull();
    expect(firstLineOf(configOf(info, null), {...info, created: info.created + 1})).toBeNull();
    expect(firstLineOf({}, info)).toBeNull();
  });
});

describe('the config of a run that another client writes too', () => {
  it('keeps the step metric of each of its metrics, wherever that stands in the joined list', () => {
    const theirs = withMetrics(
      {1: 'epoch', 6: [3]},
      {1: 'accuracy', 5: 1, 6: [1]},
      {1: 'batch', 6: [3]},
      {1: 'speed', 5: 3, 6: [1]},
      {2: 'val/*', 5: 1, 6: [1]},
    );
    const merged = mergeConfig(theirs, ours);
    expect(stepsOf(merged)).toEqual({
      ...stepsOf(ours),
      accuracy: 'epoch',
      speed: 'batch',
      'val/*': 'epoch',
    });
    expect(metricsOf(merged)).toHaveLength(metricsOf(ours).length + 5);
    expect(metricsOf(merged).at(-4)).toEqual({1: 'accuracy', 5: metricsOf(ours).length + 1, 6: [1]});
    expect(metricsOf(merged).at(-5)).toEqual({1: 'epoch', 6: [3]});
  });

  it('names a step metric that both have where ours stands, and holds it once', () => {
    const theirs = withMetrics(
      {1: 'batch', 6: [3]},
      {1: 'train/global_step', 6: [3]},
      {1: 'accuracy', 5: 2, 6: [1]},
      {1: 'speed', 5: 1, 6: [1]},
      {1: 'train/loss', 6: [3]},
      {1: 'perplexity', 5: 5, 6: [1]},
    );
    const merged = mergeConfig(theirs, ours);
    expect(stepsOf(merged)).toMatchObject({
      accuracy: 'train/global_step',
      speed: 'batch',
      perplexity: 'train/loss',
    });
    expect(metricsOf(merged).filter(metric => metric[1] === 'train/global_step')).toEqual([
      {1: 'train/global_step', 6: [3], 7: []},
    ]);
  });

  it('does not change when it is merged again', () => {
    const once = mergeConfig(withMetrics({1: 'epoch'}, {1: 'accuracy', 5: 1}), ours);
    expect(mergeConfig(once, ours)).toEqual(once);
  });

  it("holds the user's own entries as they are, our measurement as it is now, and the charts of both", () => {
    const theirs: WandbConfig = {
      lr: {value: 0.5},
      invariance: {value: 'an older one'},
      _wandb: {value: {cli_version: '0.31', t: {1: [5]}, visualize: {theirs: {panel_type: 'Vega2'}}}},
    };
    const merged = mergeConfig(theirs, ours);
    expect(merged.lr).toEqual({value: 0.5});
    expect(merged.invariance).toEqual(ours.invariance);
    const inside = merged._wandb!.value as Record<string, Record<string, unknown>>;
    expect(inside).toMatchObject({cli_version: '0.31', t: {1: [5]}, m: metricsOf(ours)});
    const charts = (ours._wandb!.value as typeof inside).visualize!;
    expect(Object.keys(inside.visualize!)).toEqual(['theirs', ...Object.keys(charts)]);
  });
});
