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
export function patternsOf(
  json: JsonObject,
  key: string,
  path: string,
): (module: string) => number | undefined {
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

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && value > 0;
}
