import {describe, expect, it} from 'vitest';
import {configOf, mergeConfig, type WandbConfig} from '../../../../src/tracker/wandb/content/config.js';
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
