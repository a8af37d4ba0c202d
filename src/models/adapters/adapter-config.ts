import type {JsonObject} from '../folders/json-file.js';
import {badWeights} from '../safetensors/tensor.js';
import {REMEDY, type PlanModule} from './adapter-kind.js';
import {adapterKinds} from './adapter-kinds.js';

/** What of `adapter_config.json` (PEFT) decides how an adapter merges. */
export interface AdapterConfig {
  /** Folder or hub id of the model that the adapter was trained on, where it says. */
  readonly base: string | undefined;
  readonly plan: PlanModule;
}

/** What puts tokens or activations beside the model's own: no weights of a model are the same. */
const BESIDE = /PROMPT|PREFIX|P_TUNING|ADAPTION|CARTRIDGE/;

/** @throws InvarianceError `bad_weights` for an adapter that cannot be merged exactly, with the reason and what to do */
export function adapterConfigOf(json: JsonObject, path: string): AdapterConfig {
  const type = json['peft_type'];
  if (typeof type === 'string' && BESIDE.test(type))
    throw badWeights(
      path,
      `${type} puts trained tokens beside the model's own and changes none of its weights, so that no merged model sees what ` +
        'it sees: there is nothing here to measure',
    );
  const kind = typeof type === 'string' && Object.hasOwn(adapterKinds, type) ? adapterKinds[type] : undefined;
  if (kind === undefined)
    throw badWeights(
      path,
      `peft_type ${JSON.stringify(type)} is not merged here, only ${Object.keys(adapterKinds).join(', ')}; ${REMEDY}`,
    );
  if (json['fan_in_fan_out'] === true && type !== 'LORA')
    throw badWeights(path, `fan_in_fan_out is known for LORA only; ${REMEDY}`);
  const base = json['base_model_name_or_path'];
  return {base: typeof base === 'string' ? base : undefined, plan: kind(json, path)};
}
