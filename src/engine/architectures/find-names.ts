import {InvarianceError} from '../../errors.js';
import {nameOnDisk, type Names, type Part} from './names.js';
import type {Family} from './spec.js';

/** Names listed in a message before "and N more". */
const LISTED = 5;

/** Where a canonical name stands in one folder; undefined for one that does not. */
export type Locate = (canonical: string) => Part | undefined;

/**
 * Finds which of a family's ways of naming, and which prefix, a folder uses.
 *
 * @param wanted canonical names that must be there
 * @param optional canonical names that may be there, a classifier's
 * @throws InvarianceError `bad_weights` that lists the tensors missing and the prefix that would match where one would,
 *   or names a tensor of the blocks that the architecture has no place for
 */
export function findNames(
  family: Family,
  {wanted, optional, folder}: {wanted: readonly string[]; optional: readonly string[]; folder: string},
  present: ReadonlySet<string>,
): Locate {
  const candidates = family.names.flatMap(names =>
    family.prefixes.map(prefix => {
      // A classifier stands outside the model that the prefix is of.
      const locate: Locate = canonical => {
        const found = nameOnDisk(names, canonical);
        if (!found) return undefined;
        const name = [prefix + found.name, found.name].find(each => present.has(each));
        return name === undefined ? undefined : {...found, name};
      };
      const missing = wanted.filter(name => !locate(name));
      const extras = optional.filter(locate).length;
      return {names, prefix, locate, missing, extras};
    }),
  );
  const better = (a: (typeof candidates)[0], b: (typeof candidates)[0]) =>
    a.missing.length - b.missing.length || b.extras - a.extras;
  const best = candidates.toSorted(better)[0]!;
  if (best.missing.length === 0) {
    refuseLeftOver(best.locate, wanted, present, folder);
    return best.locate;
  }
  const expected = best.missing.map(name => best.prefix + (nameOnDisk(best.names, name)?.name ?? name));
  const more = expected.length > LISTED ? ` and ${expected.length - LISTED} more` : '';
  const prefix = family.names.map(names => prefixOf(names, wanted, present)).find(Boolean);
  const remedy = prefix
    ? `all are there under the prefix "${prefix}": save the model without it`
    : `expected the names that ${family.name} has in transformers or timm`;
  throw new InvarianceError(
    'bad_weights',
    `${folder} lacks ${expected.length} of ${wanted.length} tensors: ${expected.slice(0, LISTED).join(', ')}${more}; ${remedy}`,
  );
}

/** What stands before every name in this folder, where one and the same text does. */
function prefixOf(names: Names, wanted: readonly string[], present: ReadonlySet<string>): string | undefined {
  const first = nameOnDisk(names, wanted[0]!)?.name;
  const whole = [...present].find(name => first && name.endsWith(`.${first}`));
  const prefix = whole?.slice(0, -first!.length);
  const all = prefix && wanted.every(name => present.has(prefix + nameOnDisk(names, name)?.name));
  return all ? prefix : undefined;
}

/** A block with a tensor that we do not use computes something else than we would. */
function refuseLeftOver(
  locate: Locate,
  wanted: readonly string[],
  present: ReadonlySet<string>,
  folder: string,
): void {
  const used = new Set(wanted.map(name => locate(name)!.name));
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
