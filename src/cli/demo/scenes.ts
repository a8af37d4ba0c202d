import type {Random} from '../../random.js';
import type {Images} from '../../types.js';

/** Side of a demo image, in pixels. */
export const SIDE = 32;

/** What the model is pretrained to name, whatever its colour. */
export const PRETRAINING_SHAPES = [
  'disc',
  'square',
  'triangle',
  'cross',
  'ring',
  'star',
  'angle',
  'moon',
] as const;

/** Shapes that pretraining never saw: what both finetunes train on. */
export const FINETUNING_SHAPES = ['diamond', 'hexagon', 'bowl', 'bar', 'funnel', 'frame'] as const;

export type Shape = (typeof PRETRAINING_SHAPES | typeof FINETUNING_SHAPES)[number];

/** Hues of the six colours are these indices times 60 degrees. */
export const COLOURS = ['red', 'yellow', 'green', 'cyan', 'blue', 'magenta'] as const;

/** Everything that varies from one picture to the next. Lengths are in pixels, angles in radians. */
export interface Scene {
  shape: Shape;
  x: number;
  y: number;
  radius: number;
  angle: number;
  palette: Palette;
}

/** The factor that pretraining discards. */
export interface Palette {
  /** Index into `COLOURS`. */
  colour: number;
  /** Degrees away from the colour's own hue. */
  shift: number;
  /** How far from grey, and how bright, both in [0, 1]. */
  saturation: number;
  value: number;
  /** Red, green and blue of the ground, in [0, 1]. */
  ground: readonly [number, number, number];
}

const between = (random: Random, low: number, high: number) => low + (high - low) * random.uniform();

export function drawPalette(random: Random): Palette {
  const grey = between(random, 0.1, 0.9);
  return {
    colour: Math.floor(random.uniform() * COLOURS.length),
    shift: between(random, -12, 12),
    saturation: between(random, 0.75, 1),
    value: between(random, 0.75, 1),
    ground: [0, 1, 2].map(() => grey + between(random, -0.1, 0.1)) as [number, number, number],
  };
}

/** One scene of one of the shapes: every factor is drawn on its own, so no factor tells of another. */
export function drawScene(random: Random, shapes: readonly Shape[]): Scene {
  const radius = between(random, 8, 12);
  return {
    shape: shapes[Math.floor(random.uniform() * shapes.length)]!,
    x: between(random, radius, SIDE - radius),
    y: between(random, radius, SIDE - radius),
    radius,
    angle: between(random, -0.25, 0.25),
    palette: drawPalette(random),
  };
}

/** The same scenes in other colours: what a model that discards colour cannot tell from the scenes themselves. */
export function recolour(random: Random, scenes: readonly Scene[]): Scene[] {
  return scenes.map(scene => ({...scene, palette: drawPalette(random)}));
}

/** Images of the scenes, NCHW in [0, 1], with edges one pixel soft. */
export function render(scenes: readonly Scene[]): Images {
  const plane = SIDE * SIDE;
  const data = new Float32Array(scenes.length * 3 * plane);
  scenes.forEach((scene, n) => {
    const {palette, radius} = scene;
    const object = rgbOf(palette);
    const cos = Math.cos(scene.angle);
    const sin = Math.sin(scene.angle);
    const distance = distances[scene.shape];
    for (let p = 0; p < plane; p++) {
      const dx = ((p % SIDE) + 0.5 - scene.x) / radius;
      const dy = (Math.floor(p / SIDE) + 0.5 - scene.y) / radius;
      const outside = distance(cos * dx + sin * dy, cos * dy - sin * dx) * radius;
      const cover = Math.min(Math.max(0.5 - outside, 0), 1);
      for (let c = 0; c < 3; c++) {
        data[(n * 3 + c) * plane + p] = palette.ground[c]! + cover * (object[c]! - palette.ground[c]!);
      }
    }
  });
  return {count: scenes.length, channels: 3, height: SIDE, width: SIDE, data};
}

/** Hue, saturation and value to red, green and blue. */
function rgbOf({colour, shift, saturation, value}: Palette): number[] {
  const hue = colour + shift / 60;
  return [5, 3, 1].map(n => {
    const k = (((n + hue) % 6) + 6) % 6;
    return value * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1)));
  });
}

/** Intersection of half planes: `sides` edges at `apothem` from the centre, the first facing down. */
function polygon(sides: number, apothem: number, x: number, y: number): number {
  let furthest = -Infinity;
  for (let k = 0; k < sides; k++) {
    const a = (2 * Math.PI * k) / sides;
    furthest = Math.max(furthest, x * Math.sin(a) + y * Math.cos(a) - apothem);
  }
  return furthest;
}

const box = (x: number, y: number, w: number, h: number) => Math.max(Math.abs(x) - w, Math.abs(y) - h);

/** Signed distance to each shape's edge on a plane where the shape fills about the unit disc; negative is inside. */
const distances: Record<Shape, (x: number, y: number) => number> = {
  disc: (x, y) => Math.hypot(x, y) - 0.9,
  square: (x, y) => box(x, y, 0.75, 0.75),
  triangle: (x, y) => polygon(3, 0.5, x, y),
  cross: (x, y) => Math.min(box(x, y, 0.3, 0.9), box(x, y, 0.9, 0.3)),
  ring: (x, y) => Math.abs(Math.hypot(x, y) - 0.7) - 0.25,
  star: (x, y) => Math.min(polygon(3, 0.42, x, y), polygon(3, 0.42, x, -y)),
  angle: (x, y) => Math.min(box(x + 0.5, y, 0.28, 0.85), box(x, y - 0.57, 0.78, 0.28)),
  moon: (x, y) => Math.max(Math.hypot(x, y) - 0.95, 0.75 - Math.hypot(x - 0.45, y)),
  diamond: (x, y) => (Math.abs(x) + Math.abs(y) - 1) / Math.SQRT2,
  hexagon: (x, y) => polygon(6, 0.8, x, y),
  bowl: (x, y) => Math.max(Math.hypot(x, y + 0.4) - 0.95, -(y + 0.4)),
  bar: (x, y) => box(x, y, 0.95, 0.32),
  funnel: (x, y) =>
    Math.min(Math.max(polygon(3, 0.42, x, -y - 0.25), y - 0.15), box(x, y - 0.45, 0.25, 0.45)),
  frame: (x, y) => Math.abs(box(x, y, 0.6, 0.6)) - 0.2,
};
