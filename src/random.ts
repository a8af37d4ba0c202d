/** A stream of random numbers that a seed fixes wholly: same seed, same numbers, on every machine. */
export interface Random {
  /** In [0, 1), 53 bits. */
  uniform(): number;
  /** Mean 0, standard deviation 1. */
  normal(): number;
  /** The numbers 0 … n − 1 in random order. */
  permutation(n: number): Uint32Array;
}

/** Rounds that mix the seed into the whole state before the first number is drawn, as sfc32's author advises. */
const WARM_UP = 15;

/**
 * sfc32 (Doty-Humphrey, PractRand): 128 bits of state, 32 a draw.
 *
 * @param seed any number that is a safe integer; neighbouring seeds give unrelated streams.
 * @example
 * const random = seededRandom(0);
 * const seeds = Float32Array.from({length: 3 * 32 * 32}, () => random.normal());
 */
export function seededRandom(seed: number): Random {
  let a = seed | 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = 0x9e3779b9 | 0;
  let counter = 1;

  function bits(): number {
    const drawn = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + drawn) | 0;
    return drawn >>> 0;
  }
  for (let round = 0; round < WARM_UP; round++) bits();

  const uniform = () => ((bits() >>> 5) * 2 ** 26 + (bits() >>> 6)) / 2 ** 53;

  let spare: number | null = null;
  /** Marsaglia's polar method: two normals from a point in the unit disc. */
  function normal(): number {
    if (spare !== null) {
      const kept = spare;
      spare = null;
      return kept;
    }
    let x: number, y: number, square: number;
    do {
      x = 2 * uniform() - 1;
      y = 2 * uniform() - 1;
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const scale = Math.sqrt((-2 * Math.log(square)) / square);
    spare = y * scale;
    return x * scale;
  }

  function permutation(n: number): Uint32Array {
    const order = Uint32Array.from({length: n}, (_, index) => index);
    for (let last = n - 1; last > 0; last--) {
      const other = Math.floor(uniform() * (last + 1));
      [order[last], order[other]] = [order[other]!, order[last]!];
    }
    return order;
  }

  return {uniform, normal, permutation};
}
