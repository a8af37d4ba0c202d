/** A row-major matrix. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: ArrayLike<number>;
}

/** a · b, in float64. */
export function product(a: Matrix, b: Matrix): Matrix & {readonly data: Float64Array} {
  const data = new Float64Array(a.rows * b.columns);
  for (let row = 0; row < a.rows; row++) {
    for (let k = 0; k < a.columns; k++) {
      const factor = a.data[row * a.columns + k]!;
      for (let column = 0; column < b.columns; column++)
        data[row * b.columns + column]! += factor * b.data[k * b.columns + column]!;
    }
  }
  return {rows: a.rows, columns: b.columns, data};
}
