import {isJsonObject, type JsonObject} from '../folders/json-file.js';
import {badWeights, elementsOf} from '../safetensors/tensor.js';
import {REMEDY, type PlanModule} from './adapter-kind.js';
import {addLowRank} from './low-rank.js';
import {scalingOf} from './settings.js';

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

/** LoRA, rsLoRA and DoRA: `low-rank.ts`. */
export function lora(json: JsonObject, path: string): PlanModule {
  const start = json['init_lora_weights'];
  if (!PLAIN_STARTS.includes(start))
    throw badWeights(
      path,
      `init_lora_weights ${JSON.stringify(start)} changed the base it trained on; ${REMEDY}, or save it as plain LoRA: ` +
        'model.save_pretrained(FOLDER, path_initial_model_for_weight_conversion=INITIAL_ADAPTER)',
    );
  for (const key of UNSUPPORTED)
    if (isOn(json[key])) throw badWeights(path, `${key} is not merged here; ${REMEDY}`);
  const scaling = scalingOf(json, path, {alpha: 'lora_alpha', holder: 'lora_A has'});
  const dora = json['use_dora'] === true;

  return (module, parts) => {
    const [a, b, magnitude] = ['lora_A', 'lora_B', 'lora_magnitude_vector'].map(name => parts.get(name));
    if (a === undefined || b === undefined)
      throw badWeights(path, `has only one of lora_A and lora_B for ${module}: damaged; copy it again`);
    if (dora !== (magnitude !== undefined))
      throw badWeights(
        path,
        `has ${dora ? 'no' : 'a'} lora_magnitude_vector for ${module}, but its configuration says ` +
          `use_dora ${dora}; copy both again`,
      );
    const [rank = 0, ...into] = a.shape;
    const [out = 0, between] = b.shape;
    if (between !== rank)
      throw badWeights(
        path,
        `has lora_A and lora_B of ${module} with different ranks: damaged; copy it again`,
      );
    if (magnitude !== undefined && elementsOf(magnitude.shape) !== out)
      throw badWeights(
        path,
        `has [${magnitude.shape.join(', ')}] magnitudes for the ${out} outputs of ${module}: damaged; copy it again`,
      );
    const transposed = json['fan_in_fan_out'] === true && into.length === 1;
    const factor = scaling(module, rank);
    const width = elementsOf(into);
    return {
      shape: transposed ? [...into, out] : [out, ...into],
      from: 'lora_B · lora_A',
      async weight(data, read) {
        return addLowRank({
          weight: {rows: transposed ? width : out, columns: transposed ? out : width, data},
          transposed,
          a: {rows: rank, columns: width, data: await read('lora_A')},
          b: {rows: out, columns: rank, data: await read('lora_B')},
          scaling: factor,
          magnitude: magnitude === undefined ? undefined : await read('lora_magnitude_vector'),
        });
      },
      ...(parts.has('lora_B.bias') && {
        needsBias: true,
        async bias(data, read) {
          const added = await read('lora_B.bias');
          return data.map((value, i) => value + factor * added[i]!);
        },
      }),
    };
  };
}

function isOn(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return isJsonObject(value) ? Object.keys(value).length > 0 : Boolean(value);
}
