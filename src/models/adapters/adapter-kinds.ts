import type {JsonObject} from '../folders/json-file.js';
import {badWeights} from '../safetensors/tensor.js';
import {matrices, REMEDY, type PlanModule, type ReadPart} from './adapter-kind.js';
import {lora} from './lora.js';
import {addLowRank} from './low-rank.js';
import {product, type Matrix} from './matrix.js';
import {positive, scalingOf} from './settings.js';

/** By `peft_type`: how PEFT's `merge_and_unload` changes a module. */
export const adapterKinds: Readonly<Record<string, (json: JsonObject, path: string) => PlanModule>> = {
  LORA: lora,
  ADALORA: adalora,
  IA3: ia3,
  LOHA: loha,
  LOKR: lokr,
  OFT: oft,
};

const read = async (of: ReadPart, part: string, size: {rows: number; columns: number}): Promise<Matrix> => ({
  ...size,
  data: await of(part),
});

/** W' = W + s·B·(E ∘ A), with s = alpha / init_r (Zhang et al. 2023, arXiv 2303.10512, eq. 3). */
function adalora(json: JsonObject, path: string): PlanModule {
  const alpha = positive(json, 'lora_alpha', path);
  // PEFT keeps a division by zero away so.
  const scaling = alpha / (positive(json, 'init_r', path) + 1e-5);
  return (module, parts) => {
    const {lora_A: a, lora_B: b, lora_E: e} = matrices(['lora_A', 'lora_B', 'lora_E'], module, parts, path);
    if (a.rows !== b.columns || e.rows !== a.rows)
      throw badWeights(path, `has parts of ${module} with different ranks: damaged; copy it again`);
    return {
      shape: [b.rows, a.columns],
      from: 'lora_B · lora_A',
      async weight(data, of) {
        const values = await of('lora_E');
        const rows = await of('lora_A');
        return addLowRank({
          weight: {rows: b.rows, columns: a.columns, data},
          transposed: false,
          a: {...a, data: rows.map((value, i) => value * values[Math.floor(i / a.columns)]!)},
          b: {...b, data: await of('lora_B')},
          scaling,
          magnitude: undefined,
        });
      },
    };
  };
}

/** W' = W with its rows, or in a feed-forward module its columns, multiplied (Liu et al. 2022, arXiv 2205.05638). */
function ia3(_json: JsonObject, path: string): PlanModule {
  return (module, parts) => {
    const {rows, columns} = matrices(['ia3_l'], module, parts, path).ia3_l;
    if (columns === 1)
      return {
        shape: [rows, null],
        from: 'ia3_l',
        async weight(data, of) {
          const factors = await of('ia3_l');
          const width = data.length / rows;
          return data.map((value, i) => value * factors[Math.floor(i / width)]!);
        },
        async bias(data, of) {
          const factors = await of('ia3_l');
          return data.map((value, i) => value * factors[i]!);
        },
      };
    return {
      shape: [null, columns],
      from: 'ia3_l',
      async weight(data, of) {
        const factors = await of('ia3_l');
        return data.map((value, i) => value * factors[i % columns]!);
      },
    };
  };
}

/** W' = W + s·(A₁·B₁) ∘ (A₂·B₂) (Hyeon-Woo et al. 2022, arXiv 2108.06098; Yeh et al. 2024, arXiv 2309.14859). */
function loha(json: JsonObject, path: string): PlanModule {
  const scaling = scalingOf(json, path, {alpha: 'alpha', holder: 'tensors have'});
  const names = ['hada_w1_a', 'hada_w1_b', 'hada_w2_a', 'hada_w2_b'] as const;
  return (module, parts) => {
    if (parts.has('hada_t1')) throw badWeights(path, `decomposes the convolution ${module}; ${REMEDY}`);
    const sizes = matrices(names, module, parts, path);
    const factor = scaling(module, sizes.hada_w1_b.rows);
    return {
      shape: [sizes.hada_w1_a.rows, sizes.hada_w1_b.columns],
      from: 'hada_w1_a · hada_w1_b',
      async weight(data, of) {
        const [a1, b1, a2, b2] = await Promise.all(names.map(name => read(of, name, sizes[name])));
        const [first, second] = [product(a1!, b1!).data, product(a2!, b2!).data];
        return data.map((value, i) => value + factor * first[i]! * second[i]!);
      },
    };
  };
}

/** W' = W + s·W₁ ⊗ W₂, either whole or as a product of two (Yeh et al. 2024, arXiv 2309.14859). */
function lokr(json: JsonObject, path: string): PlanModule {
  const scaling = scalingOf(json, path, {alpha: 'alpha', holder: 'tensors have'});
  return (module, parts) => {
    if (parts.has('lokr_t2')) throw badWeights(path, `decomposes the convolution ${module}; ${REMEDY}`);
    const factorOf = (name: 'lokr_w1' | 'lokr_w2') => {
      if (parts.has(name)) {
        const size = matrices([name], module, parts, path)[name];
        return {...size, rank: undefined, load: (of: ReadPart) => read(of, name, size)};
      }
      const [left, right] = [`${name}_a`, `${name}_b`];
      const sizes = matrices([left, right], module, parts, path);
      return {
        rows: sizes[left]!.rows,
        columns: sizes[right]!.columns,
        rank: sizes[right]!.rows,
        load: async (of: ReadPart) =>
          product(await read(of, left, sizes[left]!), await read(of, right, sizes[right]!)),
      };
    };
    const [w1, w2] = [factorOf('lokr_w1'), factorOf('lokr_w2')];
    const factor = scaling(module, w1.rank ?? w2.rank);
    const columns = w1.columns * w2.columns;
    return {
      shape: [w1.rows * w2.rows, columns],
      from: 'lokr_w1 ⊗ lokr_w2',
      async weight(data, of) {
        const [first, second] = [await w1.load(of), await w2.load(of)];
        return data.map((value, i) => {
          const [row, column] = [Math.floor(i / columns), i % columns];
          const large = first.data[Math.floor(row / w2.rows) * w1.columns + Math.floor(column / w2.columns)]!;
          const small = second.data[(row % w2.rows) * w2.columns + (column % w2.columns)]!;
          return value + factor * large * small;
        });
      },
    };
  };
}

/**
 * W' = W·Rᵀ, with R of orthogonal blocks, R = I + 2Q + 2Q² + … of a skew-symmetric Q, the last power once (Qiu et al. 2023,
 * arXiv 2306.07280; the Cayley-Neumann series of Qiu et al. 2025, arXiv 2506.19847).
 */
function oft(json: JsonObject, path: string): PlanModule {
  if (json['use_cayley_neumann'] === false)
    throw badWeights(path, `rotates by an inverse (use_cayley_neumann false); ${REMEDY}`);
  if (json['coft'] === true) throw badWeights(path, `constrains its rotation (coft); ${REMEDY}`);
  const terms = Number(json['num_cayley_neumann_terms'] ?? 5);
  const shares = json['block_share'] === true;
  return (module, parts) => {
    const {rows: blocks, columns: elements} = matrices(['oft_R'], module, parts, path).oft_R;
    const side = (1 + Math.sqrt(1 + 8 * elements)) / 2;
    if (!Number.isInteger(side))
      throw badWeights(path, `has an oft_R for ${module} that is no triangle: damaged; copy it again`);
    return {
      shape: [null, shares ? null : blocks * side],
      from: 'oft_R',
      async weight(data, of) {
        const numbers = await of('oft_R');
        const rotations = Array.from({length: blocks}, (_, i) =>
          rotation(numbers.subarray(i * elements, (i + 1) * elements), side, terms),
        );
        const rotated = new Float32Array(data.length);
        for (let start = 0, block = 0; start < data.length; start += side, block++) {
          // Rows are whole numbers of blocks, so that the blocks of a row follow each other.
          const {data: turn} = rotations[block % blocks]!;
          for (let i = 0; i < side; i++) {
            let sum = 0;
            for (let k = 0; k < side; k++) sum += turn[i * side + k]! * data[start + k]!;
            rotated[start + i] = sum;
          }
        }
        return rotated;
      },
    };
  };
}

/** I + 2Q + 2Q² + … + Qⁿ of the skew-symmetric Q whose upper triangle is given row by row. */
function rotation(triangle: Float32Array, side: number, terms: number): Matrix {
  const skew = {rows: side, columns: side, data: new Float64Array(side * side)};
  let next = 0;
  for (let row = 0; row < side; row++) {
    for (let column = row + 1; column < side; column++) {
      skew.data[row * side + column] = triangle[next]!;
      skew.data[column * side + row] = -triangle[next]!;
      next++;
    }
  }
  const sum = Float64Array.from({length: side * side}, (_, i) => Number(i % (side + 1) === 0));
  let power: Matrix = skew;
  // PEFT counts the first two powers twice; the last, the third at least, once.
  const last = terms > 2 ? Math.max(terms - 1, 3) : terms - 1;
  for (let exponent = 1; exponent <= last; exponent++) {
    if (exponent > 1) power = product(power, skew);
    const factor = exponent > 2 && exponent === last ? 1 : 2;
    for (let i = 0; i < sum.length; i++) sum[i]! += factor * power.data[i]!;
  }
  return {rows: side, columns: side, data: sum};
}
