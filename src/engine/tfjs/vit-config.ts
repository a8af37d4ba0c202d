import {InvarianceError} from '../../errors.js';

/** What decides the shapes and the arithmetic of a trainable ViT. */
export interface VitConfig {
  /** Pixels a side; images are square. */
  imageSize: number;
  patchSize: number;
  channels: number;
  width: number;
  depth: number;
  heads: number;
  /** Width of the MLP's hidden layer. */
  hidden: number;
  epsilon: number;
  qkvBias: boolean;
  /** Standard deviation of freshly drawn weights. */
  initializerRange: number;
}

/** Defaults of transformers' ViTConfig, for keys that a config.json leaves out. */
const DEFAULTS = {
  image_size: 224,
  patch_size: 16,
  num_channels: 3,
  hidden_size: 768,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 3072,
  layer_norm_eps: 1e-12,
  initializer_range: 0.02,
};

/** `model_type`s that can be trained here. */
const KNOWN_TYPES = ['vit'];

/**
 * Reads a Hugging Face `config.json`.
 * @throws InvarianceError `bad_model` where the type is unknown, or a value is missing or makes no network.
 */
export function parseVitConfig(config: Readonly<Record<string, unknown>>): VitConfig {
  if (!KNOWN_TYPES.includes(String(config.model_type))) {
    throw new InvarianceError(
      'bad_model',
      `unknown model_type ${JSON.stringify(config.model_type)} in config.json; models that can be trained here: ${KNOWN_TYPES.join(', ')}`,
    );
  }
  const number = (key: keyof typeof DEFAULTS): number => {
    const value = config[key] ?? DEFAULTS[key];
    if (typeof value === 'number' && value > 0) return value;
    throw new InvarianceError(
      'bad_model',
      `config.json: ${key} must be a positive number, not ${JSON.stringify(value)}`,
    );
  };
  const whole = (key: keyof typeof DEFAULTS): number => {
    const value = number(key);
    if (Number.isInteger(value)) return value;
    throw new InvarianceError('bad_model', `config.json: ${key} must be a whole number, not ${value}`);
  };
  const vit: VitConfig = {
    imageSize: whole('image_size'),
    patchSize: whole('patch_size'),
    channels: whole('num_channels'),
    width: whole('hidden_size'),
    depth: whole('num_hidden_layers'),
    heads: whole('num_attention_heads'),
    hidden: whole('intermediate_size'),
    epsilon: number('layer_norm_eps'),
    qkvBias: config.qkv_bias !== false,
    initializerRange: number('initializer_range'),
  };
  refuse(
    vit.imageSize % vit.patchSize !== 0,
    `image_size ${vit.imageSize} is no multiple of patch_size ${vit.patchSize}`,
  );
  refuse(
    vit.width % vit.heads !== 0,
    `hidden_size ${vit.width} is no multiple of num_attention_heads ${vit.heads}`,
  );
  const activation = config.hidden_act ?? 'gelu';
  refuse(activation !== 'gelu', `hidden_act ${JSON.stringify(activation)} is not known here; known: gelu`);
  for (const key of ['hidden_dropout_prob', 'attention_probs_dropout_prob']) {
    const rate = config[key] ?? 0;
    refuse(rate !== 0, `${key} ${JSON.stringify(rate)} is not applied here; set it to 0`);
  }
  return vit;
}

function refuse(wrong: boolean, what: string): void {
  if (wrong) throw new InvarianceError('bad_model', `config.json: ${what}`);
}

/** Tokens of one image: the class token and its patches. */
export function tokensOf({imageSize, patchSize}: VitConfig): number {
  return 1 + (imageSize / patchSize) ** 2;
}

/** `block_00`, `block_01`, …: the name of a residual-stream block. */
export function blockName(index: number): string {
  return `block_${String(index).padStart(2, '0')}`;
}
