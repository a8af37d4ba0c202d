import type {Baseline, Matrix, Reading} from '../../../types.js';
import type {TableData} from './media.js';

/** R_t, W0, N and D. Rows of layers whose inversion did not converge hold their drift alone. */
export function matrixTable(reading: Reading, baseline: Baseline): TableData {
  const judged = (matrix: Matrix, i: number, j: number): number | null =>
    baseline.gates[i]!.passed ? matrix[i]![j]! : null;
  const columns = [
    'pretrained_layer',
    'finetuned_layer',
    'retention',
    'retention_biased',
    'ceiling',
    'floor',
    'drift',
  ];
  const data = reading.layers.flatMap((row, i) =>
    reading.layers.map((column, j) => [
      row,
      column,
      judged(reading.retention.unbiased, i, j),
      judged(reading.retention.biased, i, j),
      judged(baseline.ceiling.unbiased, i, j),
      judged(baseline.floor.unbiased, i, j),
      reading.drift.unbiased[i]![j]!,
    ]),
  );
  return {columns, data};
}
