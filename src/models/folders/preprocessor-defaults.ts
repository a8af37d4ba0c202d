/** What an image processor class of transformers does where its file does not say; `size` before a crop, 224 px. */
export interface ProcessorDefaults {
  /** A bare number in the file means a square; else the shortest edge. */
  readonly square: boolean;
  readonly size: number;
  readonly do_center_crop: boolean;
  readonly crop_size: number;
  readonly resample: number;
  readonly rescale_factor: number;
  readonly image_mean: readonly number[];
  readonly image_std: readonly number[];
  /** It has no backend but torchvision, where a crop truncates half of an odd rest. */
  readonly truncates?: true;
}

const half = {image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5]};
const openai = {
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_std: [0.26862954, 0.26130258, 0.27577711],
};
const imagenet = {image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225]};
const square = {square: true, size: 224, do_center_crop: false, crop_size: 224, rescale_factor: 1 / 255};
const cropped = {square: false, size: 224, do_center_crop: true, crop_size: 224, rescale_factor: 1 / 255};

/** Class attributes of transformers 5.23; a test compares them with a dump of the real ones. */
export const processors: Readonly<Record<string, ProcessorDefaults>> = {
  ViTImageProcessor: {...square, resample: 2, ...half},
  DeiTImageProcessor: {...square, size: 256, do_center_crop: true, resample: 3, ...half},
  BeitImageProcessor: {...square, resample: 3, ...half},
  SiglipImageProcessor: {...square, square: false, resample: 3, ...half},
  CLIPImageProcessor: {...cropped, resample: 3, ...openai},
  BitImageProcessor: {...cropped, resample: 3, ...openai},
  // Theirs resizes before it rounds to 8 bits; ours after, half a level of 255 at most away.
  DINOv3ViTImageProcessor: {...square, resample: 2, ...imagenet, truncates: true},
};

/** The class that transformers takes for a `model_type`; a vision tower alone takes that of the whole model. */
export const processorNames: Readonly<Record<string, string>> = {
  vit: 'ViTImageProcessor',
  vit_mae: 'ViTImageProcessor',
  vit_msn: 'ViTImageProcessor',
  ijepa: 'ViTImageProcessor',
  deit: 'DeiTImageProcessor',
  beit: 'BeitImageProcessor',
  'data2vec-vision': 'BeitImageProcessor',
  dinov2: 'BitImageProcessor',
  dinov2_with_registers: 'BitImageProcessor',
  dinov3_vit: 'DINOv3ViTImageProcessor',
  clip: 'CLIPImageProcessor',
  clip_vision_model: 'CLIPImageProcessor',
  metaclip_2: 'CLIPImageProcessor',
  metaclip_2_vision_model: 'CLIPImageProcessor',
  aimv2: 'CLIPImageProcessor',
  aimv2_vision_model: 'CLIPImageProcessor',
  clipseg: 'ViTImageProcessor',
  siglip: 'SiglipImageProcessor',
  siglip_vision_model: 'SiglipImageProcessor',
};
