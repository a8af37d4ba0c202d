import {InvarianceError} from '../errors.js';
import type {Estimates, Gate, Gram, Matrix} from '../types.js';
import {similarityRow, type EstimatesRow} from './cka.js';

/**
 * Row i of the retention matrix, R_t[i, j] = c(ft_j(X), ft_j(X'_i)): how alike layer j of this checkpoint represents the
 * probes and images that pretrained layer i cannot tell from them (Merlin et al. 2023; STIR(m2|m1), Nanda et al. 2022).
 *
 * @param options
 * @param options.probes Gram of every layer j on X, (n, n).
 * @param options.inverted Gram of every layer j on X'_i.
 * @returns one value a layer j by each estimator, null where it is withheld.
 * @throws InvarianceError `bad_option` where the lists differ in length or their Grams in the number of images.
 * @example
 * import {retentionRow, type Gram} from 'wandb-invariance/metrics';
 *
 * declare const probes: Gram[], inverted: Gram[]; // one a layer of the checkpoint
 * const {unbiased} = retentionRow({probes, inverted});
 */
export function retentionRow({
  probes,
  inverted,
}: {
  probes: readonly Gram[];
  inverted: readonly Gram[];
}): EstimatesRow {
  return similarityRow(probes, inverted);
}

/**
 * The rows of R_t, one a pretrained layer, as one matrix an estimator.
 *
 * @param rows one `retentionRow` a pretrained layer, shallow to deep.
 * @returns two matrices, layers × layers.
 * @example
 * import {retentionMatrix, retentionRow, type Gram} from 'wandb-invariance/metrics';
 *
 * declare const probes: Gram[]; // one a layer j
 * declare const inverted: Gram[][]; // [i][j]: layer j on the images inverted from pretrained layer i
 * const retention = retentionMatrix(inverted.map(grams => retentionRow({probes, inverted: grams})));
 */
export function retentionMatrix(rows: readonly EstimatesRow[]): Estimates {
  return {unbiased: rows.map(row => row.unbiased), biased: rows.map(row => row.biased)};
}

/**
 * A_t from its rows: row j = `retentionRow` on the *pretrained* model for images inverted from *finetuned* layer j
 * (STIR(m1|m2)). The matrix is turned so that, as everywhere, its rows are pretrained layers and its columns finetuned.
 *
 * @param rows one a finetuned layer j, shallow to deep.
 * @returns two matrices, layers × layers.
 * @example
 * import {acquiredMatrix, retentionRow, type Gram} from 'wandb-invariance/metrics';
 *
 * declare const probes: Gram[]; // one a pretrained layer i
 * declare const inverted: Gram[][]; // [j][i]: pretrained layer i on the images inverted from finetuned layer j
 * const acquired = acquiredMatrix(inverted.map(grams => retentionRow({probes, inverted: grams})));
 */
export function acquiredMatrix(rows: readonly EstimatesRow[]): Estimates {
  const {unbiased, biased} = retentionMatrix(rows);
  return {unbiased: transpose(unbiased), biased: transpose(biased)};
}

/**
 * F_t = W0 − R_t, by either estimator.
 *
 * @param ceiling W0, layers × layers.
 * @param retention R_t, layers × layers.
 * @returns null where either entry is.
 * @throws InvarianceError `bad_option` where the matrices differ in shape.
 * @example
 * import {forgetting} from 'wandb-invariance/metrics';
 * import {readRun} from 'wandb-invariance';
 *
 * const {baseline, readings} = await readRun('invariance/20260311-142530-3f9a');
 * const last = readings.at(-1);
 * if (baseline && last) console.log(forgetting(baseline.ceiling, last.retention).unbiased);
 */
export function forgetting(ceiling: Estimates, retention: Estimates): Estimates {
  return {
    unbiased: difference(ceiling.unbiased, retention.unbiased),
    biased: difference(ceiling.biased, retention.biased),
  };
}

/**
 * W0[i, i] − A_t[i, i], unbiased: what finetuned layer i ignores and its pretrained self did not. Null where the inversion
 * of either did not converge.
 *
 * @param options
 * @param options.ceiling W0, layers × layers.
 * @param options.acquired A_t, layers × layers.
 * @param options.gates one a layer, of the images inverted from the pretrained model, which made W0.
 * @param options.acquiredGates one a layer, of those inverted from the finetuned model, which made A.
 * @returns one value a layer.
 * @throws InvarianceError `bad_option` where the matrices differ in shape.
 * @example
 * import {novelty, type Estimates, type Gate} from 'wandb-invariance/metrics';
 *
 * declare const ceiling: Estimates, acquired: Estimates, gates: Gate[], acquiredGates: Gate[];
 * console.log(novelty({ceiling, acquired, gates, acquiredGates}));
 */
export function novelty({
  ceiling,
  acquired,
  gates,
  acquiredGates,
}: {
  ceiling: Estimates;
  acquired: Estimates;
  gates: readonly Pick<Gate, 'passed'>[];
  acquiredGates: readonly Pick<Gate, 'passed'>[];
}): (number | null)[] {
  return difference(ceiling.unbiased, acquired.unbiased).map((row, i) =>
    gates[i]!.passed && acquiredGates[i]!.passed ? row[i]! : null,
  );
}

/** Entry by entry a − b; null where either is. */
export function difference(a: Matrix, b: Matrix): Matrix {
  if (a.length !== b.length || a.some((row, i) => row.length !== b[i]!.length)) {
    throw new InvarianceError(
      'bad_option',
      `matrices of ${shapeOf(a)} and ${shapeOf(b)} layers cannot be subtracted`,
    );
  }
  return a.map((row, i) =>
    row.map((value, j) => {
      const other = b[i]![j]!;
      return value === null || other === null ? null : value - other;
    }),
  );
}

function transpose(matrix: Matrix): Matrix {
  return (matrix[0] ?? []).map((_, j) => matrix.map(row => row[j]!));
}

function shapeOf(matrix: Matrix): string {
  return `${matrix.length} × ${matrix[0]?.length ?? 0}`;
}
