import {execFileSync} from 'node:child_process';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {timmModels} from '../../../src/engine/architectures/timm-models.js';
import {openOrtEngine} from '../../../src/engine/index.js';
import {python, pythonHas} from '../../python.js';
import {imagesOf, readTensors, relativeDifference} from '../tensors.js';

/** Needs timm: `pip install -r test/python-requirements.txt` in the Python of WANDB_INVARIANCE_PYTHON. */
describe.skipIf(!pythonHas('timm', 'torch', 'safetensors'))(
  'the models of timm, by their names alone',
  () => {
    let folder: string;
    let kinds: Record<string, string[]>;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'timm-models-'));
      const [script, input] = [
        'test/engine/architectures/timm-models.py',
        JSON.stringify(Object.keys(timmModels)),
      ];
      kinds = JSON.parse(execFileSync(python, [script, folder], {input, encoding: 'utf8'})) as typeof kinds;
    }, 600_000);
    afterAll(() => rm(folder, {recursive: true, force: true}));

    it('are all of one kind or another', () => {
      expect(Object.values(kinds).flat().toSorted()).toEqual(Object.keys(timmModels).toSorted());
      expect(Object.keys(kinds).length).toBeGreaterThan(40);
    });

    it('compute in each kind the hidden states that timm computes', async () => {
      const worst: Record<string, number> = {};
      for (const name of Object.keys(kinds)) {
        const engine = await openOrtEngine({folder: join(folder, name), batch: 2, pooling: 'tokens'});
        const expected = await readTensors(join(folder, name, 'expected.safetensors'));
        for (const layer of engine.layers) {
          const {data} = await engine.features(imagesOf(expected.get('pixels')!), layer);
          worst[`${name} ${layer}`] = relativeDifference(data, expected.get(layer)!.data);
        }
        await engine.dispose();
      }
      expect(Object.entries(worst).filter(([, difference]) => !(difference < 1e-4))).toEqual([]);
    }, 600_000);
  },
);
