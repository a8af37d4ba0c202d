import type {Baseline, LayerName, RunInfo} from '../../../types.js';
import {epochKey, layerSegments, metricKeys, stepKey, type SummaryKind} from '../../keys.js';
import {plain} from '../../../journal/index.js';
import {visualize} from './charts.js';

/** W&B's own shape of a config: every entry wrapped. */
export type WandbConfig = Record<string, {value: unknown}>;

/** W&B's numbers for summaries and for options of a metric. */
const summaryCode: Record<SummaryKind, number> = {min: 1, max: 2, last: 5};
const stepSync = 1;
const defined = 3;

/** What of a key the summary keeps; null where it is the plain last value. */
export function summaryKinds(layers: readonly LayerName[]): Map<string, readonly SummaryKind[]> {
  const segments = layerSegments(layers);
  const kinds = new Map<string, readonly SummaryKind[]>();
  for (const {key, of, summary} of metricKeys) {
    // Factors are not known before the baseline is; their keys keep the last value, as all that is named nowhere.
    if (key === stepKey || key === epochKey || of === 'factor') continue;
    for (const name of of === 'run' ? [key] : segments.map(segment => `${key}/${segment}`))
      kinds.set(name, summary);
  }
  return kinds;
}

/**
 * define_metric, as the official client writes it: `train/global_step` is the axis of everything, our own keys have
 * their summaries, and `logged` are the training's keys seen so far.
 */
function metrics(layers: readonly LayerName[], logged: Iterable<string>): Record<string, unknown>[] {
  const kinds = summaryKinds(layers);
  return [
    {1: stepKey, 6: [defined], 7: []},
    ...[...kinds].map(([key, kept]) => ({
      1: key,
      5: 1,
      6: [stepSync, defined],
      7: kept.map(kind => summaryCode[kind]),
    })),
    ...[...logged]
      .filter(key => !kinds.has(key) && key !== stepKey)
      .map(key => ({1: key, 5: 1, 6: [stepSync], 7: []})),
    {2: '*', 5: 1, 6: [stepSync], 7: []},
  ];
}

function wrapped(config: Readonly<Record<string, unknown>>): WandbConfig {
  return Object.fromEntries(
    Object.entries(plain(config) as Record<string, unknown>).map(([key, value]) => [
      key,
      // Entries that the user wrapped already, as W&B's SDK wants them, arrive as they are.
      typeof value === 'object' && value !== null && Object.keys(value).join() === 'value'
        ? (value as {value: unknown})
        : {value},
    ]),
  );
}

/** What the baseline says in numbers, for the run's page. */
function baselineConfig(baseline: Baseline): Record<string, unknown> {
  const diagonal = (matrix: (number | null)[][]) => matrix.map((row, i) => row[i] ?? null);
  return {
    ceiling: diagonal(baseline.ceiling.unbiased),
    floor: diagonal(baseline.floor.unbiased),
    ...(baseline.floorSpread && {
      floor_spread: baseline.floorSpread.diagonal,
      floor_draws: baseline.floorSpread.draws,
    }),
    ...(baseline.scratch && {scratch: diagonal(baseline.scratch.unbiased)}),
    controls: baseline.controls,
    fvu: baseline.gates.map(gate => gate.fvu),
    failed_gates: baseline.gates.filter(gate => !gate.passed).map(gate => gate.layer),
    seconds: baseline.cost.seconds,
  };
}

/**
 * A run's config in W&B's shape: the user's own settings, `invariance` with all that decides what was measured, and
 * `_wandb` with metrics and charts.
 */
export function configOf(
  info: RunInfo,
  baseline: Baseline | null,
  logged: Iterable<string> = [],
  firstLine = 0,
): WandbConfig {
  const {fingerprint} = info;
  return {
    ...wrapped(info.config),
    invariance: {
      value: plain({
        fingerprint: fingerprint.id,
        pretrained: fingerprint.pretrained,
        layers: info.layers,
        pooling: info.pooling,
        inversion: fingerprint.inversion,
        probes: {...info.probes, hash: fingerprint.probes},
        seeds: fingerprint.seeds,
        floor: fingerprint.floor,
        engine: info.engine,
        versions: info.versions,
        git: info.git,
        run: info.id,
        created: info.created,
        ...(firstLine === 0 ? {} : {first_line: firstLine}),
        ...(baseline === null ? {} : {baseline: baselineConfig(baseline)}),
      }),
    },
    _wandb: {value: {m: metrics(info.layers, logged), visualize: visualize(), t: {}}},
  };
}

/**
 * The first line in a run's history of this very recording, where its config says that it holds it; null where it does
 * not. So a `wandb.json` that is lost costs no row and doubles none.
 */
export function firstLineOf(config: WandbConfig, info: RunInfo): number | null {
  const {run, created, first_line} = (config.invariance?.value ?? {}) as Record<string, unknown>;
  return run === info.id && created === info.created ? Number(first_line ?? 0) : null;
}

/** A metric is defined for one key or for a pattern of keys. */
function nameOf(metric: Record<string, unknown>): string {
  return `${String(metric[1])} ${String(metric[2])}`;
}

/** Ours merged into what the run already has: the user's own entries win, `_wandb` is joined. */
export function mergeConfig(theirs: WandbConfig, ours: WandbConfig): WandbConfig {
  const inside = (config: WandbConfig) => (config._wandb?.value ?? {}) as Record<string, unknown>;
  const [a, b] = [inside(theirs), inside(ours)];
  // Step metrics are named by their place in the list: ours go first, so theirs move behind them.
  const mine = (b.m ?? []) as Record<string, unknown>[];
  const names = mine.map(nameOf);
  const others = (a.m ?? []) as Record<string, unknown>[];
  const shifted = new Map<number, number>();
  const kept: Record<string, unknown>[] = [];
  others.forEach((metric, i) => {
    const same = names.indexOf(nameOf(metric));
    shifted.set(i + 1, same === -1 ? mine.length + kept.push(metric) : same + 1);
  });
  const moved = kept.map(metric =>
    typeof metric[5] === 'number' ? {...metric, 5: shifted.get(metric[5]) ?? metric[5]} : metric,
  );
  return {
    ...ours,
    ...theirs,
    invariance: ours.invariance!,
    _wandb: {
      value: {
        ...a,
        ...b,
        t: a.t ?? b.t,
        m: [...mine, ...moved],
        visualize: {...(a.visualize ?? {}), ...(b.visualize ?? {})},
      },
    },
  };
}
