import {InvarianceError} from '../../errors.js';
import {nameOnDisk, type Names, type Part} from './names.js';
import type {Family} from './spec.js';

/** Names listed in a message before "and N more". */
const LISTED = 5;

/** Where a canonical name stands in one folder; undefined for one that does not. */
export type Locate = (canonical: string) => Part | undefined;

/** What is looked for in a folder. */
export interface Search {
  /** Canonical names that must be there. */
  readonly wanted: readonly string[];
  /** Canonical names that may be there: a classifier's, and what no measured layer depends on. */
  readonly optional: readonly string[];
  readonly folder: string;
  /** Which of several prefixes is meant, as a wrapper puts them before every name: `ema_model.`. */
  readonly prefix?: string | undefined;
}

/** A way of naming and a prefix, tried on a folder. */
interface Candidate {
  readonly names: Names;
  /** What a wrapper puts before everything, the classifier included. */
  readonly outer: string;
  readonly prefix: string;
  readonly locate: Locate;
  readonly missing: readonly string[];
  readonly extras: number;
}

/**
 * Finds which of a family's ways of naming, and which prefix, a folder uses: one of the family's own, else the only
 * one under which everything stands, such as `module.` or `_orig_mod.` of a wrapped model.
 *
 * @param search.prefix must be given where the names stand under several
 * @returns where each canonical name stands, and the wrapper's prefix, '' where there is none
 * @throws InvarianceError `bad_weights` that lists the tensors missing or the prefixes that fit, or names a tensor of
 *   the blocks that the architecture has no place for
 */
export function findNames(
  family: Family,
  search: Search,
  present: ReadonlySet<string>,
): {locate: Locate; outer: string} {
  const {wanted, optional, folder} = search;
  const best = bestOf(candidatesOf(family, search, present, ['']));
  const complete = best.missing.length === 0;
  const wrapped = complete && search.prefix === undefined ? [] : wrappedIn(family, search, present);
  const fits = oneEachModel(complete ? [best, ...wrapped] : wrapped, wanted[0]!);
  const chosen =
    fits.length === 1
      ? fits[0]!
      : fits.find(({outer, prefix}) => [outer, outer + prefix].includes(search.prefix!));
  if (chosen !== undefined) {
    refuseLeftOver(chosen.locate, [...wanted, ...optional], present, folder);
    return chosen;
  }
  if (fits.length > 1)
    throw new InvarianceError(
      'bad_weights',
      `${folder} holds the model several times, under the prefixes ${fits.map(({outer}) => `"${outer}"`).join(', ')}; ` +
        'choose one with --prefix',
    );
  const expected = best.missing.map(name => best.prefix + (nameOnDisk(best.names, name)?.name ?? name));
  const onlyNorm = best.missing.every(name => name.startsWith('norm.'));
  const more = expected.length > LISTED ? ` and ${expected.length - LISTED} more` : '';
  throw new InvarianceError(
    'bad_weights',
    `${folder} lacks ${expected.length} of ${wanted.length} tensors: ${expected.slice(0, LISTED).join(', ')}${more}; ` +
      (onlyNorm
        ? "without them its blocks can be measured: --layers 'block_*'"
        : `expected the names that ${family.name} has in transformers or timm, after one and the same prefix`),
  );
}

function candidatesOf(
  family: Family,
  {wanted, optional}: Search,
  present: ReadonlySet<string>,
  outers: readonly string[],
): Candidate[] {
  const tried = outers.flatMap(outer =>
    family.names.flatMap(names => family.prefixes.map(prefix => ({outer, names, prefix}))),
  );
  return tried.map(({outer, names, prefix}) => {
    // A classifier stands outside the model that the prefix is of.
    const locate: Locate = canonical => {
      const found = nameOnDisk(names, canonical);
      if (!found) return undefined;
      const name = [outer + prefix + found.name, outer + found.name].find(each => present.has(each));
      return name === undefined ? undefined : {...found, name};
    };
    const missing = wanted.filter(name => !locate(name));
    return {outer, names, prefix, locate, missing, extras: optional.filter(locate).length};
  });
}

const bestOf = (candidates: readonly Candidate[]): Candidate =>
  candidates.toSorted((a, b) => a.missing.length - b.missing.length || b.extras - a.extras)[0]!;

/** The wrappers under which everything stands, each with the family's prefix that fits best. */
function wrappedIn(family: Family, search: Search, present: ReadonlySet<string>): Candidate[] {
  const firsts = family.names.flatMap(names => {
    const first = nameOnDisk(names, search.wanted[0]!)?.name;
    return first === undefined ? [] : family.prefixes.map(prefix => prefix + first);
  });
  const outers = [...present].flatMap(name =>
    firsts.filter(first => name.endsWith(`.${first}`)).map(first => name.slice(0, -first.length)),
  );
  return [...new Set(outers)]
    .map(outer => bestOf(candidatesOf(family, search, present, [outer])))
    .filter(({missing}) => missing.length === 0);
}

/** "module." and "module.vit." are one model, told apart only by where the classifier stands: the shorter has both. */
function oneEachModel(fits: readonly Candidate[], name: string): Candidate[] {
  const shortestFirst = fits.toSorted((a, b) => a.outer.length - b.outer.length);
  const places = new Map(shortestFirst.toReversed().map(each => [each.locate(name)!.name, each]));
  return fits.filter(each => places.get(each.locate(name)!.name) === each);
}

/** A block with a tensor that we do not use computes something else than we would. */
function refuseLeftOver(
  locate: Locate,
  known: readonly string[],
  present: ReadonlySet<string>,
  folder: string,
): void {
  const used = new Set(known.map(name => locate(name)?.name));
  const [blocks] = /^.*?\.(?=0\.)/.exec(locate('blocks.0.norm1.weight')!.name) ?? [];
  const other = [...present].find(
    name => blocks && name.startsWith(blocks) && !used.has(name) && !isConstant(name),
  );
  if (other === undefined) return;
  throw new InvarianceError(
    'bad_weights',
    `${folder} holds ${other}, for which the architecture of its config.json has no place`,
  );
}

/** Tables of indices that older files carry along. */
const isConstant = (name: string) => /(relative_position_index|position_ids)$/.test(name);
