import type {Features, Images} from '../types.js';
import {copyOf, sizeOf} from '../images.js';

/** For each image, the iterate of the lowest loss seen so far. */
export class BestSoFar {
  readonly images: Images;
  private readonly losses: Float32Array;

  constructor(seeds: Images) {
    this.images = copyOf(seeds);
    this.losses = new Float32Array(seeds.count).fill(Infinity);
  }

  /** Offers row `row` of `iterates` as image `image`; a loss that is not a number is never kept. */
  offer(image: number, loss: number, iterates: Images, row: number): void {
    if (!(loss < this.losses[image]!)) return;
    this.losses[image] = loss;
    const size = sizeOf(this.images);
    this.images.data.set(iterates.data.subarray(row * size, (row + 1) * size), image * size);
  }
}

/** ‖f(x) − target‖₂ / ‖target‖₂ of each row. */
export function relativeErrors(features: Features, targets: Features): Float32Array {
  const {count, width} = targets;
  return Float32Array.from({length: count}, (_, row) => {
    let error = 0;
    let norm = 0;
    for (let at = row * width; at < (row + 1) * width; at++) {
      error += (features.data[at]! - targets.data[at]!) ** 2;
      norm += targets.data[at]! ** 2;
    }
    return Math.sqrt(error / norm);
  });
}
