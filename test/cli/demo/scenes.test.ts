import {describe, expect, it} from 'vitest';
import {
  COLOURS,
  drawScene,
  FINETUNING_SHAPES,
  PRETRAINING_SHAPES,
  recolour,
  render,
  type Scene,
  SIDE,
} from '../../../src/cli/demo/scenes.js';
import {drawDemoScenes} from '../../../src/cli/demo/draw-scenes.js';
import {colourTask, shapeTask} from '../../../src/cli/demo/tasks.js';
import {seededRandom} from '../../../src/random.js';

const EVERY_SHAPE = [...PRETRAINING_SHAPES, ...FINETUNING_SHAPES];

const plain: Scene = {
  shape: 'square',
  x: 16,
  y: 16,
  radius: 10,
  angle: 0,
  palette: {colour: 0, shift: 0, saturation: 1, value: 1, ground: [0.25, 0.5, 0.75]},
};

/** Red, green and blue of one pixel of the first image. */
function pixelOf(scene: Scene, x: number, y: number): number[] {
  const {data} = render([scene]);
  return [0, 1, 2].map(channel => data[(channel * SIDE + y) * SIDE + x]!);
}

/** Where the object is: 1 inside, 0 on the ground, between on the soft edge. */
function silhouetteOf(scene: Scene): number[] {
  const palette = {...scene.palette, saturation: 0, value: 1, ground: [0, 0, 0] as const};
  return [...render([{...scene, palette}]).data.subarray(0, SIDE * SIDE)];
}

describe('a rendered scene', () => {
  it('is NCHW in [0, 1] with the object in its colour on the ground', () => {
    expect(pixelOf(plain, 16, 16)).toEqual([1, 0, 0]);
    expect(pixelOf(plain, 0, 0)).toEqual([0.25, 0.5, 0.75]);
    const random = seededRandom(1);
    const {count, channels, height, width, data} = render(
      Array.from({length: 50}, () => drawScene(random, EVERY_SHAPE)),
    );
    expect([count, channels, height, width, data.length]).toEqual([50, 3, 32, 32, 50 * 3 * 32 * 32]);
    expect(data.every(value => value >= 0 && value <= 1)).toBe(true);
  });

  it('gives each of the six colours its own hue', () => {
    const seen = COLOURS.map((_, colour) => pixelOf({...plain, palette: {...plain.palette, colour}}, 16, 16));
    expect(seen).toEqual([
      [1, 0, 0],
      [1, 1, 0],
      [0, 1, 0],
      [0, 1, 1],
      [0, 0, 1],
      [1, 0, 1],
    ]);
  });

  it.each(EVERY_SHAPE)('holds the whole %s', shape => {
    const covered = silhouetteOf({...plain, shape, radius: 12});
    const border = covered.filter((_, p) => p < SIDE || p >= SIDE * (SIDE - 1) || p % SIDE === 0);
    expect(Math.max(...border)).toBe(0);
    expect(covered.reduce((sum, value) => sum + value, 0)).toBeGreaterThan(80);
  });

  it('shows no shape that could be taken for another', () => {
    const silhouettes = EVERY_SHAPE.map(shape => silhouetteOf({...plain, shape}));
    for (const [a, one] of silhouettes.entries()) {
      for (const other of silhouettes.slice(a + 1)) {
        const apart = one.reduce((sum, value, p) => sum + Math.abs(value - other[p]!), 0);
        expect(apart).toBeGreaterThan(20);
      }
    }
  });
});

describe('scenes drawn at random', () => {
  const scenes = drawDemoScenes(0);

  it('are the same for one seed and others for another', () => {
    expect(drawDemoScenes(0)).toEqual(scenes);
    expect(drawDemoScenes(1)).not.toEqual(scenes);
  });

  it('show shapes that pretraining never saw', () => {
    const pretrained: readonly string[] = PRETRAINING_SHAPES;
    expect(scenes.training.some(({shape}) => pretrained.includes(shape))).toBe(false);
  });

  it('keep colour and shape independent, so that neither task helps with the other', () => {
    const counts = Array.from({length: 6}, () => new Array<number>(6).fill(0));
    for (const scene of scenes.training) counts[shapeTask.labelOf(scene)]![colourTask.labelOf(scene)]!++;
    const expected = scenes.training.length / 36;
    const chiSquared = counts.flat().reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquared).toBeLessThan(70); // 35 degrees of freedom: p = .0004
  });

  it('recoloured, keep everything but the palette', () => {
    expect(scenes.recoloured.map(silhouetteOf)).toEqual(scenes.probes.map(silhouetteOf));
    const sameColour = scenes.probes.filter(
      (scene, n) => scene.palette.colour === scenes.recoloured[n]!.palette.colour,
    );
    expect(sameColour.length).toBeLessThan(scenes.probes.length / 2);
    expect(recolour(seededRandom(3), scenes.probes)).toEqual(recolour(seededRandom(3), scenes.probes));
  });
});
