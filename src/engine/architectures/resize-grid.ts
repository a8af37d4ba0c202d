/** Rows and columns of a grid of patches. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
}

/**
 * `a` is the cubic kernel's free parameter; an antialiased kernel widens when the grid shrinks. These are the ways of
 * `torch.nn.functional.interpolate`, which uses −0.75 without antialiasing and −0.5 with it.
 */
const interpolations = {
  bicubic: {radius: 2, antialias: false, weight: (x: number) => cubic(x, -0.75)},
  'antialiased bicubic': {radius: 2, antialias: true, weight: (x: number) => cubic(x, -0.5)},
  bilinear: {radius: 1, antialias: false, weight: triangle},
  'antialiased bilinear': {radius: 1, antialias: true, weight: triangle},
} as const;

export type Interpolation = keyof typeof interpolations;

/** Resizes a grid of `width` numbers a cell, row-major, as PyTorch does with `align_corners=False`. */
export function resizeGrid(
  data: Float32Array,
  {from, to, width, by}: {from: Grid; to: Grid; width: number; by: Interpolation},
): Float32Array {
  const across = resizeAxis(data, {outer: from.rows, from: from.columns, to: to.columns, inner: width, by});
  return resizeAxis(across, {outer: 1, from: from.rows, to: to.rows, inner: to.columns * width, by});
}

/** Resizes the middle axis of (outer, from, inner). */
function resizeAxis(
  data: Float32Array,
  {outer, from, to, inner, by}: {outer: number; from: number; to: number; inner: number; by: Interpolation},
): Float32Array {
  const result = new Float32Array(outer * to * inner);
  for (let target = 0; target < to; target++) {
    for (const {source, weight} of taps(target, from, to, by)) {
      for (let o = 0; o < outer; o++) {
        const read = (o * from + source) * inner;
        const write = (o * to + target) * inner;
        for (let i = 0; i < inner; i++) result[write + i]! += weight * data[read + i]!;
      }
    }
  }
  return result;
}

/** Which cells a cell of the new axis is made of. Cells beyond the edge count as the cell at the edge. */
function taps(
  target: number,
  from: number,
  to: number,
  by: Interpolation,
): {source: number; weight: number}[] {
  const {radius, antialias, weight} = interpolations[by];
  const stretch = antialias ? Math.max(1, from / to) : 1;
  const centre = ((target + 0.5) * from) / to - 0.5;
  const first = Math.ceil(centre - radius * stretch);
  const last = Math.floor(centre + radius * stretch);
  const found = [];
  for (let source = first; source <= last; source++) {
    const inside = Math.min(from - 1, Math.max(0, source));
    // Antialiased, torch leaves out what lies beyond the edge instead.
    if (antialias && inside !== source) continue;
    found.push({source: inside, weight: weight((source - centre) / stretch)});
  }
  const total = found.reduce((sum, tap) => sum + tap.weight, 0);
  return found.map(tap => ({...tap, weight: tap.weight / total}));
}

/** Keys 1981. */
function cubic(x: number, a: number): number {
  const d = Math.abs(x);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

function triangle(x: number): number {
  return Math.max(0, 1 - Math.abs(x));
}
