import type {Picture, Pictures} from '../tracker/index.js';

type Render = typeof import('../render/index.js');

/** The plotting library is loaded with the first picture: an uploading process starts without it. */
async function draw(
  name: 'matrix-last' | 'retention-map',
  caption: string,
  fill: (render: Render) => ReturnType<Render['fillTemplate']>,
): Promise<Picture> {
  const render = await import('../render/index.js');
  const png = render.drawPng(await render.drawSvg({name, alt: caption, spec: fill(render)}));
  // A PNG begins with 8 bytes of signature, 8 of its first chunk's length and name, then width and height.
  const header = new DataView(png.buffer, png.byteOffset);
  return {png, width: header.getUint32(16), height: header.getUint32(20), caption};
}

/**
 * The images of a W&B run, from the same templates as the report's, and the columns of `flow`. For `wandbTracker({run})`: a run
 * of our own is drawn by its uploading process. About 0.1 s of one core each, on the training's thread.
 *
 * @example
 * import {wandbPictures, wandbTracker, type OwnRun} from 'wandb-invariance';
 *
 * declare const run: OwnRun; // await wandb.init({project: 'birds'}) of @wandb/sdk
 * const tracker = wandbTracker({run, pictures: wandbPictures});
 */
export const wandbPictures: Pictures = {
  matrix: ({layers, retention, step}, baseline) =>
    draw(
      'matrix-last',
      `Retention matrix at step ${step}, ${layers.length} by ${layers.length} layers.`,
      render =>
        render.fillTemplate('retention-matrix', {
          rows: render.matrixRows(baseline, retention.unbiased),
          strings: {title: `Step ${step} (R)`},
          size: render.squareSize(layers.length),
        }),
    ),
  layersBySteps(readings) {
    const layers = readings[0]?.layers.length ?? 0;
    return draw(
      'retention-map',
      `Retention score of ${layers} layers at ${readings.length} readings.`,
      render =>
        render.fillTemplate('retention-map', {
          rows: render.retentionRows(readings),
          size: render.mapSize(readings.length, layers),
        }),
    );
  },
  async flow(reading, baseline) {
    const {flowRows} = await import('../render/index.js');
    const columns = ['from', 'row', 'to', 'column', 'share', 'initial', 'centre', 'reason'] as const;
    return {
      columns: [...columns],
      data: flowRows(baseline, reading).map(row => columns.map(column => row[column])),
    };
  },
};
