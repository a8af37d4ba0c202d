import type {Engine, Weights} from '../engine/index.js';
import {transform, type Factor} from '../factors/index.js';
import {sizeOf} from '../images.js';
import {
  cka,
  gramOf,
  halfSamples,
  invarianceChange,
  invariances,
  packHalves,
  unpackHalves,
  type Halves,
  type Invariance,
} from '../metrics/index.js';
import type {FactorBaseline, FactorReading, Images, Score} from '../types.js';
import {withWeights} from './with-weights.js';

/** Images of one call for Grams at most, unless a single factor needs more: a Gram of so many is 18 MiB a layer. */
const IMAGES_TOGETHER = 1536;

/** Invariances of one network, [factor][layer]; null where the factor says nothing of the probes. */
type Measured = (Invariance[] | null)[];

/** What is kept of the pretrained model: the numbers of the record, and the half-samples that changes are paired with. */
export interface FactorReference {
  factors: FactorBaseline[];
  /** As `packHalves`, one a factor. */
  halves: string[];
}

/** Named transformations of the probes, drawn once a run. */
export interface Panel {
  /** Names and strengths, for cache keys. */
  readonly key: string;
  /**
   * The pretrained model, whose weights are in force, and for reference raw pixels and the networks of the floor.
   * Cost: m + 1 forward passes of the probes for m factors, and as many for each network.
   */
  measureReference(networks: Iterable<Weights>): Promise<FactorReference>;
  /** The weights in force against the pretrained ones. Cost: m + 1 forward passes of the probes. */
  read(reference: FactorReference): Promise<FactorReading[]>;
}

export function openPanel({
  engine,
  probes,
  factors,
}: {
  engine: Engine;
  probes: Images;
  factors: readonly Factor[];
}): Panel {
  const {layers} = engine;
  const {count} = probes;
  const halves = halfSamples(count);
  const transformed = factors.map(factor => transform(probes, factor));
  const places = transformed.flatMap(({status}, at) => (status === 'ready' ? [at] : []));
  const ready = transformed.flatMap(each => (each.status === 'ready' ? [each.images] : []));
  const groups = grouped(ready, Math.max(1, Math.floor(IMAGES_TOGETHER / count) - 1)).map(group =>
    joined([probes, ...group]),
  );

  async function measure(): Promise<Measured> {
    const measured: Measured = factors.map(() => null);
    let next = 0;
    for (const group of groups) {
      const byLayer = (await engine.grams(group)).map(gram => invariances(gram, count, halves));
      for (let t = 0; t < group.count / count - 1; t++)
        measured[places[next++]!] = byLayer.map(row => row[t]!);
    }
    return measured;
  }

  const packed = (measured: Measured[number] | undefined) =>
    packHalves(layers.map((_, i) => measured?.[i]?.halves ?? null));

  return {
    key: JSON.stringify(factors.map(({name, strength}) => [name, strength])),

    async measureReference(networks) {
      const own = await measure();
      const random: Measured[] = [];
      for (const network of networks) random.push(await withWeights(engine, network, measure));
      return {
        factors: factors.map(({name, strength}, at) => {
          const change = transformed[at]!;
          const measured = own[at];
          return {
            factor: name,
            strength,
            invariance: layers.map((_, i) => measured?.[i]?.value ?? null),
            ratio: layers.map((_, i) => measured?.[i]?.ratio ?? null),
            pixels: change.status === 'ready' ? pixelInvariance(probes, change.images) : null,
            random: layers.map((_, i) => mean(random.map(network => network[at]?.[i]?.value ?? null))),
            ...(change.status === 'withheld' && {withheld: change.reason}),
          };
        }),
        halves: own.map(packed),
      };
    },

    async read(reference) {
      const now = await measure();
      return factors.map(({name}, at) => {
        const before = reference.factors[at]!;
        // Both rounded alike, so that what did not change has a change of 0.
        const [earlier, later] = [reference.halves[at]!, packed(now[at])].map(text =>
          unpackHalves(text, layers.length),
        ) as [Halves[], Halves[]];
        return {
          factor: name,
          invariance: layers.map((_, i) => now[at]?.[i]?.value ?? null),
          change: layers.map((_, i): Score => {
            if (before.withheld !== undefined) return {status: 'withheld', reason: before.withheld};
            return invarianceChange(
              {value: now[at]![i]!.value, halves: later[i]!},
              {value: before.invariance[i]!, halves: earlier[i]!},
              count,
            );
          }),
          ratio: layers.map((_, i) => now[at]?.[i]?.ratio ?? null),
        };
      });
    },
  };
}

function pixelInvariance(probes: Images, transformed: Images): number | null {
  const gram = (images: Images) => gramOf({count: images.count, width: sizeOf(images), data: images.data});
  const similarity = cka(gram(probes), gram(transformed), 'unbiased');
  return similarity.status === 'scored' ? similarity.value : null;
}

function grouped<T>(items: readonly T[], size: number): T[][] {
  return Array.from({length: Math.ceil(items.length / size)}, (_, at) =>
    items.slice(at * size, (at + 1) * size),
  );
}

function joined(parts: readonly Images[]): Images {
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return {...parts[0]!, count: parts.reduce((sum, part) => sum + part.count, 0), data};
}

/** Null where there is none of one of them. */
function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter(value => value !== null);
  if (known.length === 0 || known.length < values.length) return null;
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}
