import {add, concat, constant, cos, linear, multiply, reshape, sin, slice, tensor} from '../onnx/ops.js';
import type {Tape, Value} from '../onnx/tape.js';
import {patchGrid, prefixTokens, type Spec} from './spec.js';
import type {TakeParameter} from './vision-transformer.js';

/**
 * Rotary positions in two dimensions (Su et al. 2021, arXiv 2104.09864; Heo et al. 2024, arXiv 2403.13298). A patch at the
 * coordinates (a, b) turns pair k of the features of each head by a · temperature^(−k/K) in the first half of the pairs and
 * by b · temperature^(−k/K) in the second, with K = head width / 4.
 */
export interface Rotary {
  /** The patch's number, or 2π times its centre's place between −1 and 1. */
  readonly coordinates: 'number' | 'centre';
  /** Added to the number. */
  readonly offset: number;
  /** Numbers are scaled as if the grid had this many patches a side; null where they are not. */
  readonly reference: number | null;
  readonly first: 'row' | 'column';
  /** null where the angles of a step are learned, of each head in each block. */
  readonly temperature: number | null;
  /** Which two features turn together: neighbours, or those half a head apart. */
  readonly pairs: 'neighbours' | 'halves';
}

/** Frequencies that are learned: steps of both coordinates × blocks × heads × pairs. */
function frequenciesShape({depth, heads, width}: Spec): number[] {
  return [2, depth, heads, width / heads / 2];
}

/** Turns queries or keys, (n, heads, T, width of a head). */
export type Turn = (x: Value) => Value;

/** How each block turns its queries and keys; null where none does. */
export function turnsOf(spec: Spec, tape: Tape, parameter: TakeParameter): ((block: number) => Turn) | null {
  if (!spec.rotary) return null;
  const width = spec.width / spec.heads;
  // The partner of each feature, negated for the first of a pair; as a linear map it needs no gradient of its own.
  const partner = tensor(tape, [width, width], partners(width, spec.rotary.pairs));
  const turnBy =
    ({cosines, sines}: Rotation): Turn =>
    x =>
      add(multiply(x, cosines), multiply(linear(x, partner, null), sines));
  if (spec.rotary.temperature === null) {
    const frequencies = parameter('rotary_frequencies', frequenciesShape(spec));
    return block => turnBy(learned(spec, frequencies, block));
  }
  const turn = turnBy(fixed(tape, spec));
  return () => turn;
}

function partners(width: number, pairs: Rotary['pairs']): Float32Array {
  const map = new Float32Array(width * width);
  for (let pair = 0; pair < width / 2; pair++) {
    const [first, second] = pairs === 'halves' ? [pair, pair + width / 2] : [2 * pair, 2 * pair + 1];
    map[first * width + second] = -1;
    map[second * width + first] = 1;
  }
  return map;
}

/** Of each patch, row by row, in the order in which the pairs take them. */
function coordinates(spec: Spec): [number, number][] {
  const {first, offset, reference, coordinates: kind} = spec.rotary!;
  const {rows, columns} = patchGrid(spec);
  const coordinate = (i: number, count: number) =>
    kind === 'centre'
      ? 2 * Math.PI * ((2 * i + 1) / count - 1)
      : (i + offset) * (reference === null ? 1 : reference / count);
  return Array.from({length: rows * columns}, (_, place) => {
    const down = coordinate(Math.floor(place / columns), rows);
    const across = coordinate(place % columns, columns);
    return first === 'row' ? [down, across] : [across, down];
  });
}

interface Rotation {
  readonly cosines: Value;
  readonly sines: Value;
}

function fixed(tape: Tape, spec: Spec): Rotation {
  const {temperature, pairs} = spec.rotary!;
  const width = spec.width / spec.heads;
  const half = width / 4;
  const places = coordinates(spec);
  const angle = (place: number, feature: number) => {
    const pair = pairs === 'halves' ? feature % (width / 2) : Math.floor(feature / 2);
    return places[place]![Math.floor(pair / half)]! * temperature! ** (-(pair % half) / half);
  };
  const table = (of: (angle: number) => number) =>
    tensor(
      tape,
      [1, 1, places.length, width],
      Float32Array.from({length: places.length * width}, (_, i) =>
        of(angle(Math.floor(i / width), i % width)),
      ),
    );
  return {cosines: among(spec, table(Math.cos), 1), sines: among(spec, table(Math.sin), 0)};
}

function learned(spec: Spec, frequencies: Value, block: number): Rotation {
  const {tape} = frequencies;
  const [, , heads, pairs] = frequenciesShape(spec) as [number, number, number, number];
  const places = coordinates(spec);
  const along = (axis: 0 | 1) => {
    const steps = slice(slice(frequencies, 0, axis, axis + 1), 1, block, block + 1);
    const at = Float32Array.from(places, place => place[axis]);
    return multiply(tensor(tape, [1, 1, places.length, 1], at), reshape(steps, [1, heads, 1, pairs]));
  };
  const angles = add(along(0), along(1));
  const twice = new Float32Array(2 * pairs * pairs);
  for (let feature = 0; feature < 2 * pairs; feature++) twice[feature * pairs + Math.floor(feature / 2)] = 1;
  const spread = tensor(tape, [2 * pairs, pairs], twice);
  return {
    cosines: among(spec, linear(cos(angles), spread, null), 1),
    sines: among(spec, linear(sin(angles), spread, null), 0),
  };
}

/** A table of the patches among the tokens before them, which do not turn. */
function among(spec: Spec, table: Value, still: number): Value {
  const before = prefixTokens(spec);
  return before === 0 ? table : concat([constant(table.tape, table.shape.with(2, before), still), table], 2);
}
