import {InvarianceError} from '../errors.js';
import type {LayerName} from '../types.js';

/**
 * Names, globs or regular expressions; a layer is taken that any of them matches. In a glob `*` and `?` stand for anything
 * but `/`, `[135]` and `[0-3]` for one of those characters, and `**` for anything: `block_*` are the blocks, `block_*` + `/attention` what their attention adds.
 */
export type LayerSelection = readonly (string | RegExp)[];

/**
 * The layers that a selection takes, in the order of `available`; all of them without a selection.
 * @throws InvarianceError `bad_model` where an entry matches none, with the names there are
 */
export function selectLayers(available: readonly LayerName[], selection?: LayerSelection): LayerName[] {
  if (!selection) return [...available];
  const tests = selection.map(entry => {
    const test = typeof entry === 'string' ? globTest(entry) : regexTest(entry);
    if (available.some(test)) return test;
    throw new InvarianceError(
      'bad_model',
      `no layer matches ${String(entry)}; the layers are ${available.join(', ')}`,
    );
  });
  if (tests.length === 0)
    throw new InvarianceError('bad_model', `no layer selected; the layers are ${available.join(', ')}`);
  return available.filter(name => tests.some(test => test(name)));
}

function globTest(glob: string): (name: string) => boolean {
  const wild: Readonly<Record<string, string>> = {'**': '.*', '*': '[^/]*', '?': '[^/]'};
  const source = glob.replace(
    /\*\*|\*|\?|\[[\w-]+\]|[.+^${}()|[\]\\]/g,
    mark => wild[mark] ?? (mark.length > 1 ? mark : `\\${mark}`),
  );
  const pattern = new RegExp(`^${source}$`);
  return name => name === glob || pattern.test(name);
}

/** A regular expression with the `g` or `y` flag would remember where it stopped. */
function regexTest(regex: RegExp): (name: string) => boolean {
  const pattern = new RegExp(regex.source, regex.flags.replace(/[gy]/g, ''));
  return name => pattern.test(name);
}
