import {mkdir, readFile, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import sharp from 'sharp';
import type {TopLevelSpec} from 'vega-lite';
import {openOrtEngine} from '../../engine/index.js';
import {drawSeeds, inversionOptions, invertLayer} from '../../inversion/index.js';
import {pickImages} from '../../images.js';
import {drawPng, drawSvg, retentionRows} from '../../render/index.js';
import type {Images, LayerName} from '../../types.js';
import {demoFolder} from './demo-folder.js';
import type {DemoScenes} from './draw-scenes.js';
import type {Finetuned} from './finetune.js';
import {render} from './scenes.js';
import {blindnessOf} from './summary.js';
import {titleOf} from './tasks.js';

/** Scenes shown of each set. */
const SHOWN = 11;

/** Side of a scene in the picture's files, in pixels: each of the image's own becomes a square. */
const TILE = 128;

/** Draws both finetunes side by side: `<to>.svg` and `<to>.png`. */
export async function drawPicture({
  pretrained,
  scenes,
  finetuned,
  to,
}: {
  pretrained: string;
  scenes: DemoScenes;
  finetuned: readonly Finetuned[];
  /** Path without an ending. */
  to: string;
}): Promise<{svg: string; png: string}> {
  const spec = JSON.parse(await readFile(join(demoFolder(), 'comparison.json'), 'utf8')) as TopLevelSpec & {
    vconcat: [{title: {text: string}}];
  };
  const {run, factor} = finetuned[0]!;
  const {layers, blocks, ceiling} = run.baseline!;
  const layer = blocks.at(-1)!;
  const at = layers.indexOf(layer);

  spec.vconcat[0].title.text = `Three sets of images, as ${layer} of the pretrained model sees them`;
  spec.datasets = {
    scenes: await tilesOf({
      'probe scenes': firstOf(render(scenes.probes)),
      [`recoloured, CKA ${factor[0]!.similarity[at]!.toFixed(2)}`]: firstOf(render(scenes.recoloured)),
      [`inverted, CKA ${ceiling.unbiased[at]![at]!.toFixed(2)}`]: await invertedOf({
        pretrained,
        layer,
        probes: render(scenes.probes),
      }),
    }),
    cells: finetuned.flatMap(({task, run}) =>
      retentionRows(run.readings).map(row => ({...row, task: titleOf(task)})),
    ),
    lines: finetuned.flatMap(linesOf),
  };

  const alt = `Retention by layer and step of a ViT ${finetuned.map(({task}) => titleOf(task)).join(', and ')}.`;
  const svg = await drawSvg({name: 'comparison', alt, spec});
  await mkdir(dirname(to), {recursive: true});
  await writeFile(`${to}.svg`, svg);
  await writeFile(`${to}.png`, drawPng(svg));
  return {svg: `${to}.svg`, png: `${to}.png`};
}

function firstOf(images: Images): Images {
  return pickImages(
    images,
    Array.from({length: SHOWN}, (_, n) => n),
  );
}

/** The X'_i that the runs were measured with, again for the scenes shown. */
async function invertedOf({
  pretrained,
  layer,
  probes,
}: {
  pretrained: string;
  layer: LayerName;
  probes: Images;
}): Promise<Images> {
  const engine = await openOrtEngine({folder: pretrained});
  try {
    const {images} = await invertLayer({
      engine,
      layer,
      probes: firstOf(probes),
      seeds: firstOf(drawSeeds({like: probes})),
      options: inversionOptions({preset: 'fast'}),
    });
    return images;
  } finally {
    await engine.dispose();
  }
}

async function tilesOf(sets: Record<string, Images>) {
  const tiles = Object.entries(sets).flatMap(([set, images]) =>
    Array.from({length: images.count}, async (_, column) => ({
      set,
      column,
      url: await urlOf(images, column),
    })),
  );
  return Promise.all(tiles);
}

/** One image as a PNG in a data URL. */
async function urlOf({channels, height, width, data}: Images, n: number): Promise<string> {
  const plane = height * width;
  const pixels = Uint8Array.from({length: channels * plane}, (_, at) => {
    const value = data[(n * channels + (at % channels)) * plane + Math.floor(at / channels)]!;
    return Math.round(255 * Math.min(Math.max(value, 0), 1));
  });
  const png = await sharp(pixels, {raw: {width, height, channels: 3}})
    .resize(TILE, TILE, {kernel: 'nearest'})
    .png()
    .toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}

function linesOf({task, run, factor}: Finetuned) {
  return [
    ...run.readings.map(reading => ({measure: 'retention', step: reading.step, value: reading.meanScore})),
    ...factor.map(reading => ({measure: 'ground truth', step: reading.step, value: blindnessOf(reading)})),
  ].map(row => ({...row, task: `${task.name}s`}));
}
