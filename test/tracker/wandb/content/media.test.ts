import {createHash} from 'node:crypto';
import {describe, expect, it} from 'vitest';
import {imageMedia, layerStrip, tableMedia} from '../../../../src/tracker/wandb/content/media.js';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('media of a row', () => {
  it('are a table that W&B checks by its hash and finds by its path', () => {
    const data = [
      ['a', 1],
      ['b', null],
      ['c', 3],
    ];
    const {value, file} = tableMedia('some/key', 7, {columns: ['name', 'value'], data});
    const sha = sha256(file.bytes);
    const path = `media/table/some/key_7_${sha.slice(0, 20)}.table.json`;
    expect(JSON.parse(Buffer.from(file.bytes).toString())).toEqual({columns: ['name', 'value'], data});
    expect(file.path).toBe(path);
    expect(value).toEqual({
      _type: 'table-file',
      path,
      sha256: sha,
      size: file.bytes.length,
      nrows: 3,
      ncols: 2,
      log_mode: 'IMMUTABLE',
    });
  });

  it('are a picture, likewise', () => {
    const png = Uint8Array.of(1, 2, 3);
    const {value, file} = imageMedia('some/key', 7, {png, width: 20, height: 10, caption: 'a map'});
    const path = `media/images/some/key_7_${sha256(png).slice(0, 20)}.png`;
    expect(file).toEqual({path, bytes: png});
    expect(value).toEqual({
      _type: 'image-file',
      path,
      sha256: sha256(png),
      size: 3,
      format: 'png',
      width: 20,
      height: 10,
      caption: 'a map',
    });
  });

  it('are a strip of one bin a layer, empty where a layer is withheld or below the floor', () => {
    expect(layerStrip([0.5, null, -0.2])).toEqual({
      _type: 'histogram',
      values: [0.5, 0, 0],
      bins: [0, 1, 2, 3],
    });
  });
});
