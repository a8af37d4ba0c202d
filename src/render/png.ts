import {fileURLToPath} from 'node:url';
import {Resvg} from '@resvg/resvg-js';
import {templatePath} from './template.js';
import {FONT} from './theme.js';

/** Pixels of the picture for each of the drawing's own: sharp on a dense display. */
const SCALE = 2;

/** An SVG as PNG, in the light scheme. The fonts come with the package: the picture is the same on every machine. */
export function drawPng(svg: string): Uint8Array {
  return new Resvg(svg, {
    fitTo: {mode: 'zoom', value: SCALE},
    font: {
      loadSystemFonts: false,
      fontFiles: ['DejaVuSans', 'DejaVuSans-Bold'].map(name =>
        fileURLToPath(templatePath(`fonts/${name}.ttf`)),
      ),
      defaultFontFamily: FONT,
    },
  })
    .render()
    .asPng();
}
