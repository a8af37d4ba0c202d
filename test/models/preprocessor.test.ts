import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {preprocessorJson, preprocessorOf, resamplings} from '../../src/models/folders/preprocessor.js';
import {processors} from '../../src/models/folders/preprocessor-defaults.js';
import {fixtures} from './scratch.js';

const path = 'preprocessor_config.json';
const dumped: Record<string, Record<string, never>> = JSON.parse(
  readFileSync(join(fixtures, 'processors.json'), 'utf8'),
);

describe('defaults', () => {
  test.each(Object.keys(processors))('of %s are those of transformers', name => {
    const {
      size,
      crop_size: crop,
      do_center_crop: cropped,
      resample,
      rescale_factor,
      ...means
    } = dumped[name]!;
    const ours = preprocessorOf({image_processor_type: name}, {}, path);
    expect(ours).toEqual({
      mean: means['image_mean'],
      std: means['image_std'],
      resize: 'shortest_edge' in size! ? {shortestEdge: size['shortest_edge']} : size,
      size: cropped ? crop : size,
      resample: resamplings[resample!],
      rescale: rescale_factor,
      ...(processors[name]!.truncates && {crop: 'truncated'}),
    });
  });

  test('without a file follow model_type and the size that the model was built for', () => {
    expect(preprocessorOf(undefined, {model_type: 'vit', image_size: 32}, path)).toMatchObject({
      size: {height: 32, width: 32},
      resize: {height: 32, width: 32},
      resample: 'bilinear',
    });
    expect(preprocessorOf(undefined, {model_type: 'deit', image_size: 448}, path)).toMatchObject({
      size: {height: 448, width: 448},
      resize: {height: 512, width: 512},
      resample: 'bicubic',
    });
    const clip = {model_type: 'clip', vision_config: {image_size: 336}};
    expect(preprocessorOf(undefined, clip, path)).toMatchObject({
      size: {height: 336, width: 336},
      resize: {shortestEdge: 336},
    });
  });

  test('without a file and with an unknown model_type there are none', () => {
    expect(() => preprocessorOf(undefined, {model_type: 'resnet'}, path)).toThrow(
      /is missing and model_type resnet has no known one; copy preprocessor_config\.json/,
    );
  });
});

describe('files of older transformers', () => {
  test('give sizes as bare numbers: a square for ViT, the shortest edge for CLIP', () => {
    const vit = preprocessorOf({feature_extractor_type: 'ViTFeatureExtractor', size: 384}, {}, path);
    expect(vit.size).toEqual({height: 384, width: 384});
    const clip = {feature_extractor_type: 'CLIPFeatureExtractor', size: 256, crop_size: 240};
    expect(preprocessorOf(clip, {}, path)).toMatchObject({
      resize: {shortestEdge: 256},
      size: {height: 240, width: 240},
    });
  });
});

describe('what cannot be done here is refused', () => {
  test.each([{do_pad: true}, {do_flip_channel_order: true}, {crop_pct: 0.9}])('%o', asked => {
    const [[key]] = Object.entries(asked) as [[string, unknown]];
    expect(() => preprocessorOf(asked, {model_type: 'vit'}, path)).toThrow(
      new RegExp(`has ${key} .*FILE\\.safetensors:key`),
    );
  });

  test('timm, where images are padded to a border, or cropped to other than a square', () => {
    const timm = {input_size: [3, 32, 32], mean: [0, 0, 0], std: [1, 1, 1], interpolation: 'bicubic'};
    const of = (changes: object) => () =>
      preprocessorOf(undefined, {pretrained_cfg: {...timm, ...changes}}, path);
    expect(of({crop_mode: 'border'})).toThrow(/crop_mode "border" at 32 × 32/);
    expect(of({input_size: [3, 32, 48]})).toThrow(/crop_mode "center" at 32 × 48/);
    expect(of({})()).toMatchObject({resize: {shortestEdge: 36}, crop: 'torchvision'});
  });
});

describe('what a file switches off', () => {
  test('do_normalize false leaves pixels as they are', () => {
    const {mean, std} = preprocessorOf({do_normalize: false}, {model_type: 'vit'}, path);
    expect({mean, std}).toEqual({mean: [0, 0, 0], std: [1, 1, 1]});
  });

  test('do_rescale false means pixels up to 255: mean and std follow', () => {
    const asked = {do_rescale: false, image_mean: [127.5, 127.5, 127.5], image_std: [51, 51, 51]};
    const {mean, std, rescale} = preprocessorOf(asked, {model_type: 'vit'}, path);
    expect({mean, std, rescale}).toEqual({mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2], rescale: 1});
  });

  test('do_resize false only crops', () => {
    const asked = {do_resize: false, do_center_crop: true, crop_size: 32};
    expect(preprocessorOf(asked, {model_type: 'vit'}, path)).toMatchObject({
      resize: null,
      size: {height: 32, width: 32},
    });
  });
});

test('shortest_edge without a crop is kept, for squares alone', () => {
  const asked = {size: {shortest_edge: 32}, do_center_crop: false};
  const config = {model_type: 'clip'};
  const read = preprocessorOf(asked, config, path);
  expect(read).toMatchObject({resize: {shortestEdge: 32}, size: {height: 32, width: 32}, crop: 'none'});
  expect(preprocessorOf(preprocessorJson(read, config), config, path)).toEqual(read);
});

test('timm keeps the same facts in config.json', () => {
  const config = {
    architecture: 'vit_tiny_patch16_224',
    pretrained_cfg: {
      input_size: [3, 224, 224],
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
      interpolation: 'bicubic',
      crop_pct: 0.9,
      crop_mode: 'center',
    },
  };
  expect(preprocessorOf(undefined, config, path)).toMatchObject({
    resize: {shortestEdge: 248},
    size: {height: 224, width: 224},
    resample: 'bicubic',
  });
});

test.each([
  [{image_std: [0.5, 0, 0.5]}, /image_std \[0\.5,0,0\.5\]; expected one finite number a channel/],
  [{image_mean: [0.5]}, /image_mean \[0\.5\]/],
  [{image_mean: ['a', 'b', 'c']}, /image_mean/],
  [{size: {longest_edge: 5}}, /size \{"longest_edge":5\}; expected height and width/],
  [{size: -4}, /size -4/],
  [{image_processor_type: 'ConvNextImageProcessor'}, /image processor ConvNextImageProcessor; known are ViT/],
  [{do_resize: false}, /do_resize false; without do_center_crop no size is left/],
  [{resample: 9}, /resample 9; expected 0 to 5/],
  [{rescale_factor: 0}, /rescale_factor 0/],
  [{do_center_crop: true, crop_size: 'x'}, /crop_size "x"/],
])('%j is refused by name', (json, message) => {
  expect(() => preprocessorOf(json, {model_type: 'vit'}, path)).toThrow(message);
});

test.each(['vit', 'deit', 'dinov2', 'clip', 'beit'])(
  'what is written for %s reads back the same',
  model_type => {
    const config = {model_type, image_size: 64};
    const preprocessor = preprocessorOf(undefined, config, path);
    expect(preprocessorOf(preprocessorJson(preprocessor, config), config, path)).toEqual(preprocessor);
  },
);
