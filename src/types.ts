/**
 * A measured layer. Blocks of a known ViT are `block_00`, `block_01`, …: the residual stream after them. What their
 * branches add to it is `block_00/attention` and `block_00/mlp`; the final norm is `norm`. Layers of any other model keep
 * the names the model gives them.
 */
export type LayerName = string;

/**
 * How a block's (n, T, D) output becomes one row an image: all tokens flattened, the class token, or the mean of the
 * patches.
 */
export type Pooling = 'tokens' | 'cls' | 'mean';

/** Images as the metrics define them: NCHW, row-major, pixels in [0, 1] before normalisation. */
export interface Images {
  /** n. */
  readonly count: number;
  /** C. */
  readonly channels: number;
  /** H. */
  readonly height: number;
  /** W. */
  readonly width: number;
  /** n × C × H × W values. Seeds and iterates may leave [0, 1]; the model's normaliser clamps. */
  readonly data: Float32Array;
}

/** One layer's representation of n images. */
export interface Features {
  /** n, one row an image. */
  readonly count: number;
  /** p, values a row. */
  readonly width: number;
  /** Row-major (n, p). */
  readonly data: Float32Array;
}

/** Inner products of column-centred features: symmetric, row-major, n × n. */
export interface Gram {
  /** Images. */
  readonly n: number;
  /** n × n values. */
  readonly data: Float64Array;
}

/** Rows are pretrained layers i, columns are finetuned layers j; null where the value is withheld. */
export type Matrix = (number | null)[][];

/** One quantity by both estimators of linear CKA: unbiased (primary) and biased (as the paper reports it). */
export interface Estimates {
  /** By HSIC1; may be slightly below 0. */
  unbiased: Matrix;
  /** By HSIC0; in [0, 1]. */
  biased: Matrix;
}

/** A number with its interval, or the reason why there is none. Never NaN. */
export type Score =
  | {
      status: 'scored';
      /** In the unit of the quantity; a retention score is 1 at the ceiling and 0 at the floor, and not cut at either. */
      value: number;
      /** Lower end of the 95 % interval; null with fewer than 8 images. */
      low: number | null;
      /** Upper end of it. */
      high: number | null;
    }
  | {status: 'withheld'; reason: string};

/** Both ends of a 95 % interval, in the unit of the value it is of. */
export interface Interval {
  /** Lower end. */
  low: number;
  /** Upper end. */
  high: number;
}

/** One named transformation T of the probes, on the pretrained model: once a run. */
export interface FactorBaseline {
  /** 'hue', 'flip', …: what T changes. */
  factor: string;
  /** How far T goes, in the factor's own unit (docs/metrics.md). */
  strength: number;
  /** I_0[T, i] = c(f0_i(X), f0_i(T X)), unbiased, one a layer. */
  invariance: (number | null)[];
  /** mean ‖f(x) − f(T x)‖ over the mean ‖f(x) − f(x')‖ of pairs of probes (arXiv 2407.04325), one a layer. */
  ratio: (number | null)[];
  /** The invariance of raw pixels: for reference, not subtracted. */
  pixels: number | null;
  /** The mean invariance of the floor's random networks, one a layer: for reference, not subtracted. */
  random: (number | null)[];
  /** Why T says nothing of these probes; all values are null then. */
  withheld?: string;
}

/** The same transformation on a checkpoint. */
export interface FactorReading {
  /** As in the baseline. */
  factor: string;
  /** I_t[T, i], one a layer. */
  invariance: (number | null)[];
  /** I_t − I_0, images drawn together, one a layer; below 0 the layer sees more of the factor than it did. */
  change: Score[];
  /** As in the baseline. */
  ratio: (number | null)[];
}

/** Ridge probes on the pretrained model's layers: once a run and set of labels. */
export interface RidgeBaseline {
  /** Where the labels came from, in words: 'class folders'. */
  labels: string;
  /** Number of classes. */
  classes: number;
  /** Accuracy of the most frequent class. */
  chance: number;
  /** Leave-one-out accuracy in [0, 1], one a layer. */
  accuracy: (number | null)[];
}

/** The same labels on a checkpoint. */
export interface RidgeReading {
  /** As in the baseline. */
  labels: string;
  /** Leave-one-out accuracy of a probe fitted anew, one a layer. */
  accuracy: (number | null)[];
  /** That accuracy minus the pretrained one, images drawn together: below 0 the layer tells less than it did. */
  change: Score[];
  /** Accuracy of the pretrained model's probe on this checkpoint's features minus the pretrained one: what a user's head would see. */
  kept: Score[];
}

/** How well X'_i was inverted, for one pretrained layer. */
export interface Gate {
  /** The layer that was inverted. */
  layer: LayerName;
  /** mean over images of ‖f(x') − f(x)‖ / ‖f(x)‖; null where a layer is zero or not finite. */
  rel: number | null;
  /** Σ‖f(x') − f(x)‖² / Σ‖f(x) − mean f‖²: the share of the layer's variance that X' misses; null where it has none. */
  fvu: number | null;
  /** The same when half of the evaluations had been made; absent where that was not looked at. */
  fvuHalfway?: number | null;
  /** Pixel root mean square between X' and X, in [0, 1] pixels. */
  rmsToProbes: number;
  /** The same between X' and the seeds. */
  rmsToSeeds: number;
  /** Share of images whose own error stayed above the gate. */
  unconverged: number;
  /** Gradient evaluations an image, mean. */
  evaluations: number;
  /** The fvu that the layer had to stay under. */
  threshold: number;
  /** `fvu` is under `threshold`. */
  passed: boolean;
}

/** What may be compared with what: two readings compare only where `id` is equal. */
export interface Fingerprint {
  /** Hash of everything below. */
  id: string;
  /** Hash of the pretrained weights that the measured layers use. */
  pretrained: string;
  /** Hash of the probe images. */
  probes: string;
  /** Hash of the seed images. */
  seeds: string;
  /** Shallow to deep. */
  layers: readonly LayerName[];
  /** How a block's tokens became one row an image. */
  pooling: Pooling;
  /** Preset and options of the inversion. */
  inversion: Readonly<Record<string, string | number>>;
  /** The networks whose mean similarity is the floor N: 'random 0 to 7' are drawn with those seeds, anything else a hash of their weights. */
  floor: string;
}

/** What is measured once a run, on the pretrained model and its controls. */
export interface Baseline {
  /** What it was measured on and how. */
  fingerprint: Fingerprint;
  /** The measured layers, shallow to deep. */
  layers: readonly LayerName[];
  /** Those of them that are residual-stream blocks: flow and compression are over these. */
  blocks: readonly LayerName[];
  /** W0 = R_0: the pretrained model's retention of its own invariances. Never assumed to be 1. */
  ceiling: Estimates;
  /** N: the same with randomly initialised networks of this architecture in place of the finetuned one, their mean. */
  floor: Estimates;
  /** How many those were, and the standard deviation of N[i, i] over them, unbiased, one a layer; absent for a single one. */
  floorSpread?: {draws: number; diagonal: (number | null)[]};
  /** The same with a network trained from scratch on the new task in its place, where one was given. */
  scratch?: Estimates;
  /** W0[i, i] and N[i, i] on the half-samples of the probes, packed as `halves` of a reading. */
  halves?: {ceiling: string; floor: string};
  /** Named transformations of the probes. */
  factors?: FactorBaseline[];
  /** Ridge probes, one for each set of labels. */
  ridge?: RidgeBaseline[];
  /** Diagonals of two controls, unbiased: X' := seeds, and X' with its rows permuted. */
  controls: {noise: (number | null)[]; permuted: (number | null)[]};
  /** Centre of mass of each pretrained layer's invariances over its own blocks, com_0(i); null where its gate failed. */
  flow: (number | null)[];
  /** How well each layer was inverted, one a layer. */
  gates: Gate[];
  /** Of the inversions and of everything else above. */
  cost: Cost;
}

/** What something cost the machine. */
export interface Cost {
  /** Wall-clock time. */
  seconds: number;
  /** Time on a core of the process that measured; absent in older records. */
  cpuSeconds?: number;
  /** Images pushed forward through the model. */
  forwards: number;
  /** Images for which a gradient was taken. */
  gradients: number;
}

/** When a reading was taken. */
export interface Moment {
  /** Optimiser steps since the start of training; 0 is before the first. */
  step: number;
  /** Epochs since the start, fractional; null where unknown. */
  epoch: number | null;
  /** Unix milliseconds. */
  time: number;
  /** Values the training reported at this step: loss, accuracy, learning rate. */
  logged: Readonly<Record<string, number>>;
}

/** One moment of one run. Everything downstream (journal, W&B, page, report) is a view of readings. */
export interface Reading extends Moment {
  /** Equal to the baseline's fingerprint id. */
  fingerprint: string;
  /** The measured layers, shallow to deep. */
  layers: readonly LayerName[];
  /** R_t as measured; a row says nothing of the layer where its gate in the baseline failed. */
  retention: Estimates;
  /** D_t, layers × layers. */
  drift: Estimates;
  /** 95 % intervals of R_t[i, i] over the probe images, one a layer; null with fewer than 8 images. */
  retentionIntervals?: (Interval | null)[];
  /**
   * R_t[i, i] on 200 half-samples of the probes, the same images for all layers and readings of one number of probes, so that
   * differences are taken in pairs: base64 of little-endian 16-bit integers, layers × half-samples, in units of 1/32767;
   * −32768 where withheld.
   */
  halves?: string;
  /** r_t[i], one a layer. */
  scores: Score[];
  /** Over the layers that the baseline can score; null where it can score none, or one of them has no score now. */
  meanScore: number | null;
  /**
   * com_t(i), and the column j*(i) that holds most of layer i's invariance; blocks only, null elsewhere and where the
   * inversion of layer i did not converge.
   */
  flow: {centre: (number | null)[]; strongest: (number | null)[]};
  /** C_t(i): positive = the centre of mass lies shallower, by moving or by forgetting; `mean` is over the deeper half of the blocks. */
  compression: {layers: (number | null)[]; mean: number | null};
  /** G_t(i): mean over the blocks j of max(R_t[i, j] − W0[i, j], 0), one a layer. Something moved only where its low is above 0. */
  gain?: Score[];
  /** L_t(i): mean over the blocks j of max(W0[i, j] − R_t[i, j], 0). */
  loss?: Score[];
  /** Where the invariances of layer i arrived: the block j (an index into the layers) of the largest sure gain; null without one. */
  arrival?: (number | null)[];
  /** Change of the named transformations since the pretrained model. */
  factors?: FactorReading[];
  /** Change of the ridge probes since the pretrained model. */
  ridge?: RidgeReading[];
  /**
   * ‖θt − θ0‖F / ‖θ0‖F over the weights that the layer depends on and no shallower measured layer does; null where there
   * are none.
   */
  weightDrift: (number | null)[];
  /**
   * A_t and the novelty W0[i,i] − A_t[i,i], on the readings that took it. `gates` judge X''_j, one a finetuned layer. As in
   * R, entries of A whose inversion failed stay as measured; the novelty is null where one of its two inversions failed.
   */
  acquired?: {similarity: Estimates; novelty: (number | null)[]; gates: Gate[]};
  /**
   * |R(T)[i,i] − R(T/2)[i,i]|, unbiased: what the second half of the inversion's evaluations changed on this model.
   * On the first reading after training began, as self-similarity does not prove that inversions converged.
   */
  convergence?: (number | null)[];
  /** Of this reading. */
  cost: Cost;
}

/** How a run stands: still going on, or how it ended. */
export type RunState = 'running' | 'finished' | 'crashed' | 'killed';

/** What `run.json` holds. */
export interface RunInfo {
  /** Format of the run folder. */
  format: 1 | 2;
  /** Sorts by time, and is the name of its folder: "20260311-142530-3f9a". */
  id: string;
  /** For people. */
  name: string;
  /** Unix milliseconds. */
  created: number;
  /** The measured layers, shallow to deep. */
  layers: readonly LayerName[];
  /** How a block's tokens become one row an image. */
  pooling: Pooling;
  /** What its readings may be compared with. */
  fingerprint: Fingerprint;
  /** How many there are, and where they came from in words. */
  probes: {count: number; source: string};
  /** What measures, in words. */
  engine: string;
  /** Versions of this package, Node and the engine. */
  versions: Readonly<Record<string, string>>;
  /** Commit of the working folder, where there is one. */
  git: string | null;
  /** The user's own settings, for comparison: learning rate, batch size, … */
  config: Readonly<Record<string, unknown>>;
}

/**
 * Everything that happens in a run and is no reading; one line of the journal each, with `time` in Unix ms.
 *
 * - `baseline`: the pretrained model has been measured.
 * - `logged`: values of the training, by name.
 * - `checkpoint`: one was written; aliases are 'latest', 'best' and 'step-100'.
 * - `resumed`: training goes on from `step`; what was read and logged past it is superseded, and so are notices about steps past it.
 * - `notice`: something that people should know; `code` to branch on, `message` for them, `step` where it is about one.
 * - `ended`: the last one, unless the run is resumed.
 */
export type RunEvent = {time: number} & (
  | {type: 'baseline'; baseline: Baseline}
  | {type: 'logged'; step: number; epoch: number | null; values: Readonly<Record<string, number>>}
  | {type: 'checkpoint'; step: number; path: string; aliases: readonly string[]}
  | {type: 'resumed'; step: number}
  | {type: 'notice'; level: 'info' | 'warning' | 'error'; code: string; message: string; step?: number}
  | {type: 'ended'; state: Exclude<RunState, 'running'>}
);
