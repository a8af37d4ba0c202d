import {EigenvalueDecomposition, Matrix} from 'ml-matrix';
import {InvarianceError} from '../errors.js';
import {isConstant, type FeatureRows} from '../rounding.js';
import {centredRows, meanRow} from './gram.js';

/** Penalties tried, as multiples of the mean squared norm of the centred features, so that their scale does not matter. */
const PENALTIES = Array.from({length: 15}, (_, at) => 10 ** (at / 2 - 5));

/** A linear classifier of one layer's features, judged on images it was not fitted on. */
export interface RidgeProbe {
  /** λ. */
  readonly penalty: number;
  /**
   * Scores of the classes, (n, classes), row-major: of image i by the probe fitted without image i. Equal features give equal
   * scores to the bit.
   *
   * @param features (n, p) of the same images: those the probe was fitted on, or another model's.
   * @throws InvarianceError `bad_option` for features of another shape.
   */
  leaveOneOut(features: FeatureRows): Float64Array;
}

/**
 * Fits a ridge classifier (one-hot targets, intercept without penalty) for every image left out once, in closed form: one
 * eigendecomposition of the centred Gram serves all penalties, classes and left-out images. The penalty is the one of least
 * squared leave-one-out error, of 15 from 1e-5 to 100 times the mean squared norm of the centred features.
 *
 * The same penalty and classifiers as scikit-learn's RidgeClassifierCV where that is given these penalties. One thing is put
 * back: leaving an image out makes its class rarer, by which a layer that tells nothing would be wrong on nearly every image;
 * so each score has the class's share among all images in place of its share among the others.
 *
 * @param features (n, p).
 * @param labels class of each image: 0, 1, ….
 * @returns null for features that are constant or not finite.
 * @throws InvarianceError `bad_option` where labels do not fit the images or are all one class.
 * @example
 * import {accuracyOf, ridgeProbe, type FeatureRows} from 'wandb-invariance/metrics';
 *
 * declare const before: FeatureRows, after: FeatureRows; // one layer, the same images in two models
 * declare const labels: number[];
 * const probe = ridgeProbe(before, labels);
 * if (probe !== null) {
 *   console.log(accuracyOf(probe.leaveOneOut(before), labels)); // of a probe on its own features
 *   console.log(accuracyOf(probe.leaveOneOut(after), labels)); // of the same probe on the other model's
 * }
 */
export function ridgeProbe(features: FeatureRows, labels: ArrayLike<number>): RidgeProbe | null {
  const {count: n, width} = features;
  const classes = classesOf(labels, n);
  if (!features.data.every(Number.isFinite) || isConstant(features)) return null;
  const mean = meanRow(features);
  const rows = centredRows(features, mean);
  const gram = products(rows, rows, n);
  const shares = new Float64Array(classes);
  for (let i = 0; i < n; i++) shares[labels[i]!]! += 1 / n;
  const target = (i: number, c: number) => (labels[i] === c ? 1 : 0) - shares[c]!;

  const {values, vectors, scale} = decomposed(gram, n);
  /** Uᵀ Y. */
  const projected = vectors.map(vector =>
    Float64Array.from({length: classes}, (_, c) => vector.reduce((sum, u, i) => sum + u * target(i, c), 0)),
  );
  const fits = PENALTIES.map(multiple => fitted(multiple * scale));
  const {penalty, dual, diagonal} = fits.reduce((best, fit) => (fit.error < best.error ? fit : best));
  /** G = U (S + λ)⁻¹ Uᵀ: what turns targets into dual coefficients. */
  const inverse = new Float64Array(n * n);
  for (const [k, vector] of vectors.entries()) {
    const weight = 1 / (values[k]! + penalty);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) inverse[i * n + j]! += vector[i]! * weight * vector[j]!;
  }

  function fitted(lambda: number) {
    const coefficients = new Float64Array(n * classes);
    const own = new Float64Array(n);
    for (const [k, vector] of vectors.entries()) {
      const weight = 1 / (values[k]! + lambda);
      for (let i = 0; i < n; i++) {
        own[i]! += vector[i]! ** 2 * weight;
        for (let c = 0; c < classes; c++)
          coefficients[i * classes + c]! += vector[i]! * weight * projected[k]![c]!;
      }
    }
    // The leave-one-out residual of kernel ridge regression is αᵢ / Gᵢᵢ.
    const error = coefficients.reduce(
      (sum, value, at) => sum + (value / own[Math.floor(at / classes)]!) ** 2,
      0,
    );
    return {penalty: lambda, dual: coefficients, diagonal: own, error};
  }

  return {
    penalty,
    leaveOneOut(others) {
      if (others.count !== n || others.width !== width)
        throw new InvarianceError(
          'bad_option',
          `features of ${others.count} × ${others.width} for a probe of ${n} × ${width}`,
        );
      const cross = others === features ? gram : products(centredRows(others, mean), rows, n);
      const scores = new Float64Array(n * classes);
      for (let i = 0; i < n; i++) {
        let leverage = 1 / n;
        for (let j = 0; j < n; j++) leverage += cross[i * n + j]! * inverse[i * n + j]!;
        for (let c = 0; c < classes; c++) {
          // Image i is left out by taking away the column of G that its own coefficient is made of; its class keeps its share.
          let score =
            shares[c]! + target(i, c) / (n - 1) - (leverage * dual[i * classes + c]!) / diagonal[i]!;
          for (let j = 0; j < n; j++) score += cross[i * n + j]! * dual[j * classes + c]!;
          scores[i * classes + c] = score;
        }
      }
      return scores;
    },
  };
}

/**
 * Share of images whose own class scores highest.
 *
 * @param scores (n, classes), row-major.
 * @param labels class of each image.
 * @example
 * import {accuracyOf} from 'wandb-invariance/metrics';
 *
 * console.log(accuracyOf([0.9, 0.1, 0.6, 0.4], [0, 1])); // 0.5
 */
export function accuracyOf(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  return correct(scores, labels).reduce((sum, hit) => sum + hit, 0) / labels.length;
}

/** 1 for each image whose own class scores highest, else 0. */
export function correct(scores: ArrayLike<number>, labels: ArrayLike<number>): number[] {
  const classes = scores.length / labels.length;
  return Array.from(labels, (label, i) => {
    for (let c = 0; c < classes; c++)
      if (c !== label && !(scores[i * classes + c]! < scores[i * classes + label]!)) return 0;
    return 1;
  });
}

function classesOf(labels: ArrayLike<number>, n: number): number {
  const classes = Math.max(...Array.from(labels)) + 1;
  const sound = Array.from(labels).every(label => Number.isSafeInteger(label) && label >= 0);
  if (labels.length !== n || !sound)
    throw new InvarianceError(
      'bad_option',
      `${labels.length} labels for ${n} images; give one class, 0, 1, …, for each`,
    );
  if (new Set(Array.from(labels)).size < 2)
    throw new InvarianceError('bad_option', 'labels of one class only: a probe tells at least two apart');
  return classes;
}

/**
 * Eigenvectors of a centred Gram but for the constant one, which belongs to the intercept: lifted above all others it is
 * the last.
 */
function decomposed(
  gram: Float64Array,
  n: number,
): {values: number[]; vectors: Float64Array[]; scale: number} {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += gram[i * n + i]!;
  const lift = (2 * trace) / n;
  const lifted = new Matrix(n, n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) lifted.set(i, j, gram[i * n + j]! + lift);
  const {realEigenvalues, eigenvectorMatrix} = new EigenvalueDecomposition(lifted, {assumeSymmetric: true});
  const order = realEigenvalues.map((_, k) => k).sort((a, b) => realEigenvalues[a]! - realEigenvalues[b]!);
  const kept = order.slice(0, -1);
  return {
    values: kept.map(k => Math.max(0, realEigenvalues[k]!)),
    vectors: kept.map(k => Float64Array.from(eigenvectorMatrix.getColumn(k))),
    scale: trace / n,
  };
}

/** Inner products of the rows of two (n, p), row-major: of row i of the first with row j of the second. */
function products(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const width = a.length / n;
  const result = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += a[i * width + k]! * b[j * width + k]!;
      result[i * n + j] = sum;
    }
  return result;
}
