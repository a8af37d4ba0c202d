import type {Images} from '../types.js';

/** One image: C planes of H × W, pixels in [0, 1]. */
export type Pixels = Omit<Images, 'count'>;
