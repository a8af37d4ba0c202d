import {InvarianceError} from '../../errors.js';
import {nameOnDisk, type Part} from './names.js';
import type {Family} from './spec.js';

/** Names listed in a message before "and N more". */
const LISTED = 5;

/**
 * Finds which of a family's ways of naming, and which prefix, a folder uses.
 *
 * @param wanted canonical names that must be there
 * @returns where any canonical name stands in this folder; undefined for one that does not
 * @throws InvarianceError `bad_weights` that lists the tensors missing, and the prefix that would match where one would
 */
export function findNames(
  family: Family,
  wanted: readonly string[],
  present: ReadonlySet<string>,
  folder: string,
): (canonical: string) => Part | undefined {
  const candidates = family.names.flatMap(names =>
    family.prefixes.map(prefix => {
      // A classifier stands outside the model that the prefix is of.
      const locate = (canonical: string): Part | undefined => {
        const found = nameOnDisk(names, canonical);
        if (!found) return undefined;
        const name = [prefix + found.name, found.name].find(each => present.has(each));
        return name === undefined ? undefined : {...found, name};
      };
      const missing = wanted.filter(name => !locate(name));
      const expected = missing.map(name => nameOnDisk(names, name)?.name ?? name);
      return {prefix, locate, expected};
    }),
  );
  const best = candidates.reduce((a, b) => (b.expected.length < a.expected.length ? b : a));
  if (best.expected.length === 0) return best.locate;

  const others = candidates.flatMap(({expected}) => {
    const ends = expected.map(name =>
      [...present].find(each => each.endsWith(`.${name}`))?.slice(0, -name.length),
    );
    return ends[0] !== undefined && ends.every(end => end === ends[0]) ? [ends[0]] : [];
  });
  const listed = best.expected.slice(0, LISTED).map(name => best.prefix + name);
  const more = best.expected.length > LISTED ? ` and ${best.expected.length - LISTED} more` : '';
  const remedy = others.length
    ? `all of them are there under the prefix "${others[0]}": save the model without it`
    : `expected the names of ${family.name} in transformers or timm`;
  throw new InvarianceError(
    'bad_weights',
    `${folder} lacks ${best.expected.length} tensors: ${listed.join(', ')}${more}; ${remedy}`,
  );
}
