import type {JsonObject} from '../folders/json-file.js';
import {isJsonObject} from '../folders/json-file.js';
import {badWeights} from '../safetensors/tensor.js';

/** What of `adapter_config.json` (PEFT) decides how an adapter merges. */
export interface AdapterConfig {
  /** Folder or hub id of the model that the adapter was trained on, where it says. */
  readonly base: string | undefined;
  /** Weights are stored [in, out] rather than [out, in]. */
  readonly fanInFanOut: boolean;
  readonly dora: boolean;
  /** What B·A of this module is multiplied by: alpha / r, or alpha / √r with rsLoRA. */
  scaling(module: string, rank: number): number;
}

/** Settings that change the maths in ways not merged here; each is off when null, false or empty. */
const UNSUPPORTED = [
  'alora_invocation_tokens',
  'arrow_config',
  'kasa_config',
  'layer_replication',
  'megatron_config',
  'monteclora_config',
  'target_parameters',
  'trainable_token_indices',
  'use_bdlora',
  'use_qalora',
  'velora_config',
];

/** Initialisations that leave the base as it is. The others (pissa, olora, …) train on a changed one. */
const PLAIN_STARTS: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'eva', 'orthogonal'];

const REMEDY = 'merge it in Python once: model.merge_and_unload().save_pretrained(FOLDER)';

/** @throws InvarianceError `bad_weights` for an adapter whose maths is not LoRA, rsLoRA or DoRA */
export function adapterConfigOf(json: JsonObject, path: string): AdapterConfig {
  if (json['peft_type'] !== 'LORA')
    throw badWeights(
      path,
      `peft_type ${JSON.stringify(json['peft_type'])} is not merged here, only LORA; ${REMEDY}`,
    );
  const start = json['init_lora_weights'];
  if (!PLAIN_STARTS.includes(start))
    throw badWeights(
      path,
      `init_lora_weights ${JSON.stringify(start)} changed the base it trained on; ${REMEDY}`,
    );
  for (const key of UNSUPPORTED)
    if (isOn(json[key])) throw badWeights(path, `${key} is not merged here; ${REMEDY}`);

  const {r, lora_alpha: alpha} = json;
  if (!isPositive(r) || !isPositive(alpha))
    throw badWeights(
      path,
      `has r ${JSON.stringify(r)} and lora_alpha ${JSON.stringify(alpha)}, which must be above 0; copy it again`,
    );
  const ranks = patternsOf(json, 'rank_pattern', path);
  const alphas = patternsOf(json, 'alpha_pattern', path);
  return {
    base: typeof json['base_model_name_or_path'] === 'string' ? json['base_model_name_or_path'] : undefined,
    fanInFanOut: json['fan_in_fan_out'] === true,
    dora: json['use_dora'] === true,
    scaling(module, rank) {
      const promised = ranks(module) ?? r;
      if (promised !== rank)
        throw badWeights(
          path,
          `promises rank ${promised} for ${module}, but its lora_A has ${rank}; copy both again`,
        );
      return (alphas(module) ?? alpha) / (json['use_rslora'] === true ? Math.sqrt(rank) : rank);
    },
  };
}

/** PEFT's patterns: a key is a regular expression for the end of the module's path; the first that fits counts. */
function patternsOf(json: JsonObject, key: string, path: string): (module: string) => number | undefined {
  const patterns = Object.entries(isJsonObject(json[key]) ? json[key] : {}).map(([pattern, value]) => {
    if (!isPositive(value))
      throw badWeights(
        path,
        `${key} has ${JSON.stringify(value)} for ${pattern}, which must be above 0; copy it again`,
      );
    try {
      return {fits: new RegExp(`^(.*\\.)?(${pattern})$`), value};
    } catch (error) {
      throw badWeights(
        path,
        `${key} has ${pattern}, which is not a regular expression here; ${REMEDY}`,
        error,
      );
    }
  });
  return module => patterns.find(({fits}) => fits.test(module))?.value;
}

function isOn(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return isJsonObject(value) ? Object.keys(value).length > 0 : Boolean(value);
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && value > 0;
}
