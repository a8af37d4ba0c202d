import {isJsonObject, type JsonObject} from '../folders/json-file.js';
import {badWeights} from '../safetensors/tensor.js';
import {REMEDY} from './adapter-kind.js';

/** A number of `adapter_config.json`. @throws InvarianceError `bad_weights` where it is not above 0 */
export function positive(json: JsonObject, key: string, path: string): number {
  const value = json[key];
  if (isPositive(value)) return value;
  throw badWeights(path, `has ${key} ${JSON.stringify(value)}, which must be above 0; copy it again`);
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

/**
 * What an update of a module is multiplied by: alpha / r, or alpha / √r with rsLoRA.
 * @param names the setting that is alpha, and what holds the rank, for messages
 * @returns by module and the rank that its tensors have, where they show one
 */
export function scalingOf(
  json: JsonObject,
  path: string,
  names: {alpha: string; holder: string},
): (module: string, rank: number | undefined) => number {
  const [r, alpha] = [positive(json, 'r', path), positive(json, names.alpha, path)];
  const [ranks, alphas] = [patternsOf(json, 'rank_pattern', path), patternsOf(json, 'alpha_pattern', path)];
  return (module, rank) => {
    const promised = ranks(module) ?? r;
    if (rank !== undefined && rank !== promised)
      throw badWeights(
        path,
        `promises rank ${promised} for ${module}, but its ${names.holder} ${rank}; copy both again`,
      );
    return (alphas(module) ?? alpha) / (json['use_rslora'] === true ? Math.sqrt(promised) : promised);
  };
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && value > 0;
}
