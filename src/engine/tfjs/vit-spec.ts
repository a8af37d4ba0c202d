import {InvarianceError} from '../../errors.js';
import type {Spec} from '../architectures/spec.js';
import {vit, vitSpec} from '../architectures/vit.js';
import type {HfConfig} from '../../models/index.js';

/**
 * The architecture of a ViT that can be trained here.
 * @throws InvarianceError `bad_model` for another `model_type`, or a configuration that asks for what is not built.
 */
export function trainableSpec(config: HfConfig, size: Spec['image']): Spec {
  if (!vit.modelTypes.includes(String(config['model_type']))) {
    throw new InvarianceError(
      'bad_model',
      `unknown model_type ${JSON.stringify(config['model_type'] ?? null)} in config.json; models that can be trained ` +
        `here: ${vit.modelTypes.join(', ')}`,
    );
  }
  const spec = {...vitSpec(config), image: size};
  const {height, width} = size;
  refuse(
    height % spec.patch !== 0 || width % spec.patch !== 0,
    `images of ${height} × ${width} pixels are no whole number of patches of ${spec.patch}`,
  );
  refuse(spec.width % spec.heads !== 0, `a width of ${spec.width} does not split into ${spec.heads} heads`);
  refuse(spec.activation !== 'gelu', `hidden_act ${spec.activation} cannot be trained here, only gelu`);
  for (const key of ['hidden_dropout_prob', 'attention_probs_dropout_prob']) {
    refuse(
      (config[key] ?? 0) !== 0,
      `${key} ${JSON.stringify(config[key])} is not applied here; set it to 0`,
    );
  }
  return spec;
}

function refuse(wrong: boolean, what: string): void {
  if (wrong) throw new InvarianceError('bad_model', `config.json: ${what}`);
}
