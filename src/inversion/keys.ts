import {createHash} from 'node:crypto';
import type {Engine, Weights} from '../engine/index.js';
import type {Fingerprint, Images, LayerName} from '../types.js';
import type {InversionOptions} from './options.js';

/** Changes whenever the algorithms would give other images from the same inputs: no older entry is read then. */
const REVISION = 2;

/** What an inversion depends on, and nothing else. */
export interface InversionInputs {
  /** For its definition, layers and pooling; its weights in force do not matter. */
  engine: Pick<Engine, 'definition' | 'layers' | 'pooling'>;
  /** The weights to invert. */
  weights: Weights;
  probes: Images;
  seeds: Images;
  options: InversionOptions;
}

/**
 * Content hash of everything X'_i depends on, one for each measured layer: the weights up to that layer, the
 * definition of the network (normalisation included), X, S, the layer, the pooling and the options. Names of files,
 * runs and machines play no part, so runs that share a pretrained model share its inversions.
 */
export function inversionKeys({
  engine,
  weights,
  probes,
  seeds,
  options,
}: InversionInputs): Map<LayerName, string> {
  const shared = {
    revision: REVISION,
    definition: engine.definition,
    pooling: engine.pooling,
    probes: hashImages(probes),
    seeds: hashImages(seeds),
    options: sorted(options),
  };
  const upTo = hashWeightsByLayer(engine.layers, weights);
  return new Map(engine.layers.map((layer, at) => [layer, hash({...shared, layer, weights: upTo[at]!})]));
}

/**
 * What a run's readings may be compared with: see `Fingerprint`.
 * @param floor networks that were never trained, or how many are drawn.
 */
export function fingerprintOf({
  engine,
  weights,
  probes,
  seeds,
  options,
  floor,
}: InversionInputs & {floor: readonly Weights[] | number}): Fingerprint {
  const parts = {
    pretrained: hash({
      definition: engine.definition,
      weights: hashWeightsByLayer(engine.layers, weights).at(-1),
    }),
    probes: hashImages(probes),
    seeds: hashImages(seeds),
    layers: engine.layers,
    pooling: engine.pooling,
    inversion: sorted({...options, revision: REVISION}),
    floor: floorName(engine.layers, floor),
  };
  return {id: hash(parts), ...parts};
}

function floorName(layers: readonly LayerName[], floor: readonly Weights[] | number): string {
  if (typeof floor === 'number') return floor === 1 ? 'random 0' : `random 0 to ${floor - 1}`;
  const hashes = floor.map(weights => hashWeights(layers, weights));
  return hashes.length === 1 ? hashes[0]! : hash(hashes.sort());
}

/** Hash of all measured weights of a model, whatever order they come in. */
export function hashWeights(layers: readonly LayerName[], weights: Weights): string {
  return hashWeightsByLayer(layers, weights).at(-1)!;
}

/** At place i, the hash of all weights that layer i depends on. */
function hashWeightsByLayer(layers: readonly LayerName[], weights: Weights): string[] {
  const digests = weights
    .filter(({layer}) => layer !== null)
    .map(({name, shape, data, layer}) => ({
      layer: layers.indexOf(layer!),
      line: [name, shape, hashBytes(data)],
    }))
    .sort((a, b) => (a.line[0]! < b.line[0]! ? -1 : 1));
  return layers.map((_, at) => hash(digests.filter(({layer}) => layer <= at).map(({line}) => line)));
}

function hashImages({count, channels, height, width, data}: Images): string {
  return hash([count, channels, height, width, hashBytes(data)]);
}

/** SHA-256 of the bytes of an array, as hexadecimal text. */
export function hashBytes(data: ArrayBufferView): string {
  return createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');
}

function hash(value: unknown): string {
  return hashText(JSON.stringify(value));
}

/** SHA-256 of a text, as hexadecimal text. */
export function hashText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function sorted(options: object): Record<string, string | number> {
  return Object.fromEntries(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)));
}
