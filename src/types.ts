/**
 * A measured layer. Blocks of a known ViT are `block_00`, `block_01`, …, its final norm is `norm`;
 * layers of any other model keep the names the model gives them.
 */
export type LayerName = string;

/** How a block's (n, T, D) output becomes one row an image: all tokens flattened, the class token, or the mean. */
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
      /** 1 = all that the pretrained model shows, 0 = the floor; not cut at either. */
      value: number;
      /** Lower end of the 95 % interval over probe images; null with fewer than 8 images. */
      low: number | null;
      /** Upper end of it. */
      high: number | null;
    }
  | {status: 'withheld'; reason: string};

/** How well X'_i was inverted, for one pretrained layer. */
export interface Gate {
  /** The layer that was inverted. */
  layer: LayerName;
  /** mean over images of ‖f(x') − f(x)‖ / ‖f(x)‖; null where a layer is zero or not finite. */
  rel: number | null;
  /** Σ‖f(x') − f(x)‖² / Σ‖f(x) − mean f‖²: the share of the layer's variance that X' misses; null where it has none. */
  fvu: number | null;
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
  /** The network whose similarity is the floor N: 'random 0' is drawn with seed 0, anything else a hash of its weights. */
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
  /** N: the same with a randomly initialised network of this architecture in place of the finetuned one. */
  floor: Estimates;
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
  /** r_t[i], one a layer. */
  scores: Score[];
  /** Over the layers that the baseline can score; null where it can score none, or one of them has no score now. */
  meanScore: number | null;
  /**
   * com_t(i), and the column j*(i) that holds most of layer i's invariance; blocks only, null elsewhere and where the
   * inversion of layer i did not converge.
   */
  flow: {centre: (number | null)[]; strongest: (number | null)[]};
  /** C_t(i): positive = moved to shallower layers; `mean` is over the deeper half of the blocks. */
  compression: {layers: (number | null)[]; mean: number | null};
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
 * - `resumed`: training goes on from `step`; what was read and logged past it is superseded.
 * - `notice`: something that people should know; `code` to branch on, `message` for them.
 * - `ended`: the last one, unless the run is resumed.
 */
export type RunEvent = {time: number} & (
  | {type: 'baseline'; baseline: Baseline}
  | {type: 'logged'; step: number; epoch: number | null; values: Readonly<Record<string, number>>}
  | {type: 'checkpoint'; step: number; path: string; aliases: readonly string[]}
  | {type: 'resumed'; step: number}
  | {type: 'notice'; level: 'info' | 'warning' | 'error'; code: string; message: string}
  | {type: 'ended'; state: Exclude<RunState, 'running'>}
);
