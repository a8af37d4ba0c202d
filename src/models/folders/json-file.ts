import {readFile} from 'node:fs/promises';
import {messageOf} from '../../errors.js';
import {badWeights} from '../safetensors/tensor.js';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Reads a JSON object; undefined where there is no such file.
 * @throws InvarianceError `bad_weights` where it is no JSON object, as a half-written one is not
 */
export async function readJson(path: string): Promise<JsonObject | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw badWeights(path, `cannot be read (${error.message}); check its permissions`, error);
  });
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badWeights(
      path,
      `is not JSON (${messageOf(error)}): half-written or damaged; copy it again`,
      error,
    );
  }
  if (!isJsonObject(value)) throw badWeights(path, 'is not a JSON object; copy it again');
  return value;
}
