import {isJsonObject, type JsonObject} from './json-file.js';
import {fileInside} from './links.js';
import {openSafetensors, type SafetensorsFile} from '../safetensors/open-safetensors.js';
import {badWeights, type TensorSource} from '../safetensors/tensor.js';

/**
 * Opens every shard that a `model.safetensors.index.json` names, as one source. All headers are checked at once,
 * so a shard that is missing or half-written is found before anything is read.
 * @throws InvarianceError `bad_weights`
 */
export async function openShards(folder: string, index: JsonObject, path: string): Promise<TensorSource> {
  const map = weightMap(index, path);
  const shards = new Map<string, SafetensorsFile>();
  const close = async () => {
    await Promise.all([...shards.values()].map(shard => shard.close()));
  };
  try {
    for (const name of new Set(map.values())) {
      const shard = await fileInside(folder, name);
      if (shard === undefined)
        throw badWeights(
          path,
          `names the shard ${name}, which is not there: half-written; wait, or copy it again`,
        );
      shards.set(name, await openSafetensors(shard));
    }
    for (const [tensor, shard] of map)
      if (!shards.get(shard)!.has(tensor))
        throw badWeights(
          path,
          `puts tensor "${tensor}" into ${shard}, which does not hold it; copy both again`,
        );
  } catch (error) {
    await close();
    throw error;
  }
  const shardOf = (name: string) => {
    const shard = map.get(name);
    if (shard === undefined) throw badWeights(path, `names no tensor "${name}"`);
    return shards.get(shard)!;
  };
  return {
    names: () => [...map.keys()],
    has: name => map.has(name),
    info: name => shardOf(name).info(name),
    read: async name => shardOf(name).read(name),
    close,
  };
}

function weightMap(index: JsonObject, path: string): Map<string, string> {
  const map = index['weight_map'];
  if (!isJsonObject(map)) throw badWeights(path, 'has no weight_map; copy it again');
  for (const [tensor, shard] of Object.entries(map))
    if (typeof shard !== 'string' || !shard.endsWith('.safetensors') || /[/\\]/.test(shard))
      throw badWeights(
        path,
        `puts tensor "${tensor}" into ${JSON.stringify(shard)}; expected a .safetensors file`,
      );
  return new Map(Object.entries(map as Record<string, string>));
}
