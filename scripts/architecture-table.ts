import {readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {resolve} from 'node:path';
import {fileURLToPath} from 'node:url';
import {families} from '../src/engine/architectures/families.js';
import {architectureOf} from '../src/engine/architectures/read-weights.js';
import type {Family, Spec} from '../src/engine/architectures/spec.js';
import {timmVersion} from '../src/engine/architectures/timm-models.js';
import {openModelFolder} from '../src/models/index.js';

const FIXTURES = 'test/fixtures/architectures';
const PAGE = 'docs/architectures.md';

const readouts: Readonly<Record<Spec['readout'], string>> = {
  class: 'normed class token',
  mean: 'mean of the normed tokens',
  'mean of patches': 'mean of the normed patches',
  'norm of mean': "norm of the patches' mean",
};

/**
 * docs/architectures.md with its table written anew from the code and from the models that were compared with Python.
 *
 *     npx tsx scripts/architecture-table.ts
 */
export async function architecturesPage(): Promise<string> {
  const compared = new Map<Family, {folder: string; version: string; readout: string}[]>();
  for (const folder of readdirSync(FIXTURES)) {
    const model = await openModelFolder(`${FIXTURES}/${folder}`);
    const {family, spec} = architectureOf(model);
    const version = model.config['transformers_version'];
    const library = typeof version === 'string' ? `transformers ${version}` : `timm ${timmVersion}`;
    const readout = spec.unnormed ? 'mean of the patches' : readouts[spec.readout];
    compared.set(family, [...(compared.get(family) ?? []), {folder, version: library, readout}]);
    await model.tensors.close();
  }
  const rows = families.map(family => {
    const fixtures = compared.get(family) ?? [];
    const versions = [...new Set(fixtures.map(({version}) => version))].map(version => {
      const folders = fixtures.filter(each => each.version === version).map(({folder}) => code(folder));
      return `${folders.join(' ')} (${version})`;
    });
    const norms = new Set(fixtures.map(({readout}) => readout));
    return [family.name, family.modelTypes.map(code).join(' '), [...norms].join('; '), versions.join(' ')];
  });
  const head = ['architecture', '`model_type`', 'layer `norm`', 'compared with Python on'];
  const table = [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n');
  return readFileSync(PAGE, 'utf8').replace(/^\|.*\|$(\n^\|.*\|$)*/m, () => table);
}

const code = (text: string) => `\`${text}\``;

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url))
  writeFileSync(PAGE, await architecturesPage());
