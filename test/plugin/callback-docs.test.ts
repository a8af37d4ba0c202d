import {readFileSync} from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import {beforeAll, describe, expect, it, vi} from 'vitest';
import {isDue, parseCadence} from '../../src/plugin/cadence.js';
import {checkOptions, NAMES} from '../../src/plugin/check-options.js';
import {createCheckpoints} from '../../src/checkpoints/checkpoints.js';
import {DEFAULTS, type MonitorOptions} from '../../src/plugin/options.js';
import {journalRecords} from '../../src/journal/index.js';
import {runsFolder} from '../../src/runs-folder.js';
import {instantSource, monitored, tinyModel} from './monitored.js';
import {mkdtempSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {mkdir} from 'node:fs/promises';
import {join} from 'node:path';

const page = readFileSync('docs/callback.md', 'utf8');

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Rows of the table under a heading, as cells. */
function table(heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;
  return section
    .split('\n')
    .filter(line => line.startsWith('| ') && !line.startsWith('| ---'))
    .slice(1)
    .map(line =>
      line
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim()),
    );
}

/** The records marked in the loop between two of its lines. */
function marks(from: string, to: string): string[] {
  const loop = page.split('## The training loop')[1]!;
  const part = loop.slice(loop.indexOf(from), to === '' ? undefined : loop.indexOf(to));
  return [...part.split('```')[0]!.matchAll(/► (\w+)/g)].map(([, name]) => name!);
}

describe('docs/callback.md', () => {
  it('names every option, with its default', () => {
    const rows = table('Options').map(([name, value]) => [
      name!.replaceAll('`', ''),
      value!.replaceAll('`', ''),
    ]);
    const options = NAMES[''].flatMap(name =>
      name === 'checkpoints' ? [name, ...NAMES.checkpoints.map(inner => `${name}.${inner}`)] : [name],
    );
    expect(rows.map(([name]) => name)).toEqual(options);
    const {checkpoints, ...own} = DEFAULTS;
    const defaults: Record<string, unknown> = {
      ...own,
      dir: runsFolder({}),
      ...Object.fromEntries(
        Object.entries(checkpoints).map(([name, value]) => [`checkpoints.${name}`, value]),
      ),
    };
    const shown = (value: unknown): string =>
      value === undefined ? '' : typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
    expect(rows).toEqual(options.map(name => [name, shown(defaults[name])]));
  });

  it('tells of WANDB_DIR, under which runs stand where no folder is named', () => {
    vi.stubEnv('WANDB_DIR', '/scratch');
    try {
      expect(checkOptions({tf, model: tinyModel(), probes: 'probes'}).dir).toBe('/scratch/invariance');
      expect(checkOptions({tf, model: tinyModel(), probes: 'probes', dir: 'runs'}).dir).toBe('runs');
    } finally {
      vi.unstubAllEnvs();
    }
    expect(
      table('Options')
        .find(([name]) => name === '`dir`')!
        .join(),
    ).toContain('under `WANDB_DIR`');
  });

  it('says when each form of a cadence is due', () => {
    for (const [form, steps] of table('When: cadences')) {
      const text = JSON.parse(form!.replaceAll('`', '').replaceAll("'", '"')) as string;
      const cadence = parseCadence(text);
      const at = (step: number) => ({step, epochs: Math.floor(step / 10), elapsed: step * 500});
      const due = Array.from({length: 20}, (_, i) => i + 1).filter(step =>
        isDue(cadence, at(step - 1), at(step)),
      );
      expect([form, due.join(', ')]).toEqual([form, steps]);
    }
  });

  describe('shows the loop as it is', () => {
    /** A monitor, and the types of the records it has made since one last asked. */
    async function traced(every: MonitorOptions['every']) {
      const dir = mkdtempSync(join(tmpdir(), 'checkpoints-'));
      const {source} = instantSource();
      const {monitor, folder} = await monitored(
        {model: tinyModel(), every, log: '1 step', checkpoints: {dir, every}},
        {
          source,
          saveModel: async to => void (await mkdir(to, {recursive: true})),
          checkpoints: createCheckpoints({
            dir,
            keep: 3,
            mode: 'max',
            present: [],
            values: [],
            run: 'run-1',
          }),
        },
      );
      let seen = 0;
      const fresh = async (): Promise<string[]> => {
        const records = [...journalRecords(folder)];
        const types = records.slice(seen).map(one => (one.kind === 'reading' ? one.kind : one.event.type));
        seen = records.length;
        return types;
      };
      return {monitor, fresh};
    }

    it('when the monitor is built and after a batch', async () => {
      const {monitor, fresh} = await traced('1 step');
      expect(await fresh()).toEqual(marks('monitorInvariance(options)', 'for each epoch'));
      await monitor.step({loss: 1});
      expect(await fresh()).toEqual(marks('monitor.step(logs)', 'validation'));
      await monitor.finish();
    });

    it('after an epoch', async () => {
      const {monitor, fresh} = await traced('1 epoch');
      await monitor.step();
      await fresh();
      await monitor.epochEnd({val_loss: 1});
      expect(await fresh()).toEqual(marks('monitor.epochEnd(logs)', 'monitor.finish()'));
      await monitor.finish();
    });

    it('at the end', async () => {
      const {monitor, fresh} = await traced('1 epoch');
      await monitor.step();
      await fresh();
      await monitor.finish();
      expect(await fresh()).toEqual(marks('await monitor.finish()\n    ►', ''));
    });
  });
});
