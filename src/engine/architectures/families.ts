import {InvarianceError} from '../../errors.js';
import type {HfConfig} from '../../models/index.js';
import {aimv2} from './aimv2.js';
import {beit, data2vecVision} from './beit.js';
import {clip} from './clip.js';
import {objectOf} from './config.js';
import {deit} from './deit.js';
import {dinov2, dinov2WithRegisters} from './dinov2.js';
import {dinov3} from './dinov3.js';
import {mae} from './mae.js';
import {siglip, siglip2} from './siglip.js';
import type {Family} from './spec.js';
import {timm} from './timm.js';
import {dpt, ijepa, vit, vitMsn, yolos} from './vit.js';

/** Every architecture that is known. docs/architectures.md has the same list, and a test compares them. */
export const families: readonly Family[] = [
  vit,
  deit,
  dinov2,
  dinov2WithRegisters,
  dinov3,
  clip,
  siglip,
  siglip2,
  aimv2,
  beit,
  data2vecVision,
  mae,
  ijepa,
  vitMsn,
  dpt,
  yolos,
  timm,
];

/** Where the configuration of a larger model keeps that of the network which sees the image. */
const PARTS = ['vision_config', 'encoder', 'backbone_config'];

/** What is known of why other models are not. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [
    /^(swin|donut-swin|maskformer-swin|focalnet|hiera|pvt|mvit|segformer|glpn|poolformer|efficientformer|levit|cvt|dinat|nat)/,
    'its resolution falls from stage to stage, so that its layers have no patches in common',
  ],
  [
    /^(resnet|convnext|regnet|bit$|mobilenet|mobilevit|efficientnet|dinov3_convnext|timm_backbone)/,
    'it is convolutional',
  ],
  [/^(qwen|glm|internvl|kimi|pixtral|idefics|llama4|mllama|minicpm)/, 'its vision tower is of its own kind'],
  [
    /^(vitdet|sam|sam2|vit_hybrid|owl|vivit|videomae|timesformer|flava|blip|git|bridgetower|altclip|chinese_clip|align)/,
    'its forward pass is not one of those that are known',
  ],
  [/^(bert|roberta|gpt|llama|mistral|gemma|t5|opt|whisper|wav2vec2)/, 'it sees no images'],
];

/**
 * The architecture of a configuration, or of the network inside it that sees the image.
 * @returns the family, and the configuration of that network
 * @throws InvarianceError `bad_model` for a `model_type` that is not known, with the reason and what can be done
 */
export function familyOf(config: HfConfig, folder = 'config.json'): {family: Family; config: HfConfig} {
  const own = byType(config);
  for (const key of PARTS) {
    const part = objectOf(config, key);
    if (Object.keys(part).length === 0) continue;
    // Older files of a known model do not name the type of its part.
    const inside = typeOf(part) === undefined ? own : byType(part);
    if (inside) return {family: inside, config: part};
    throw unknown(
      folder,
      typeOf(part),
      `is a model of type ${typeOf(config)}, whose ${key} is ${typeOf(part)}`,
    );
  }
  if (own) return {family: own, config};
  const type = typeOf(config);
  throw unknown(folder, type, type ? `is a model of type ${type}` : 'names no model_type in its config.json');
}

/** timm's own files name an architecture and no model_type. */
function typeOf(config: HfConfig): string | undefined {
  const type = config['model_type'];
  return typeof type === 'string' ? type : config['architecture'] ? 'timm_wrapper' : undefined;
}

const byType = (config: HfConfig) =>
  families.find(({modelTypes}) => modelTypes.includes(typeOf(config) ?? ''));

function unknown(folder: string, type: string | undefined, what: string): InvarianceError {
  const [, reason] = reasons.find(([pattern]) => pattern.test(type ?? '')) ?? [];
  const known = families.flatMap(({modelTypes}) => modelTypes).sort();
  return new InvarianceError(
    'bad_model',
    `${folder} ${what}${reason ? `: ${reason}` : ''}. Known are ${known.join(', ')}, alone or as ` +
      `the ${PARTS.join(', ')} of another model; if a part of yours is one of these, save that part to a folder of its own ` +
      '(model.vision_tower.save_pretrained("part")) and give that folder. Any model can be measured while it trains in ' +
      'TensorFlow.js',
  );
}
