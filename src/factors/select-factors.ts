import {InvarianceError} from '../errors.js';
import {DEFAULT_FACTORS, FACTORS, type Factor, type FactorKind, type FactorName} from './factors.js';

/** 'all', 'none', or names, each with its strength where that is not the default: ['hue', 'rotation:15']. */
export type FactorSelection = 'all' | 'none' | readonly string[];

const NAMES = Object.keys(FACTORS) as FactorName[];
const TAKES = `'all', 'none', or names out of ${NAMES.join(', ')}, as 'rotation' or 'rotation:15'`;

/**
 * The factors of a panel, in the order of `FACTORS`.
 *
 * @throws InvarianceError `bad_option` for an unknown name, one that comes twice, or a strength out of range.
 */
export function selectFactors(selection: FactorSelection = DEFAULT_FACTORS): Factor[] {
  if (selection === 'none') return [];
  const strengths = new Map<string, number | undefined>();
  for (const entry of selection === 'all' ? NAMES : selection) {
    const [name, strength] = split(entry);
    if (strengths.has(name)) throw new InvarianceError('bad_option', `invalid factors: ${name} comes twice`);
    strengths.set(name, strength);
  }
  return NAMES.filter(name => strengths.has(name)).map(name => withStrength(name, strengths.get(name)));
}

function split(entry: string): [name: FactorName, strength: number | undefined] {
  const [name, strength] = String(entry).split(':') as [FactorName, string | undefined];
  if (!NAMES.includes(name))
    throw new InvarianceError('bad_option', `invalid factors: ${entry}; it takes ${TAKES}`);
  return [name, strength === undefined ? undefined : Number(strength)];
}

function withStrength(name: FactorName, chosen: number | undefined): Factor {
  const {strength: usual, max, colour = false, apply}: FactorKind = FACTORS[name];
  const strength = chosen ?? usual;
  if (!(strength > 0 && strength <= max)) {
    throw new InvarianceError(
      'bad_option',
      `invalid factors: ${name}:${strength}; the strength of ${name} lies above 0 and is at most ${max}`,
    );
  }
  return {name, strength, colour, apply: (image, random) => apply(image, strength, random)};
}
