import {mkdtempSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import {createBudget} from '../../src/plugin/budget.js';
import {checkOptions} from '../../src/plugin/check-options.js';
import {createDispatcher} from '../../src/tracker/dispatcher.js';
import {createMonitor} from '../../src/plugin/monitor.js';
import type {MonitorParts} from '../../src/plugin/monitor-parts.js';
import {createNotices} from '../../src/tracker/notices.js';
import type {ReadingSource, SourceEvents} from '../../src/plugin/reading-source.js';
import type {MonitorOptions} from '../../src/plugin/options.js';
import {openJournal} from '../../src/journal/index.js';
import type {Moment} from '../../src/types.js';
import {sampleBaseline, sampleInfo, sampleReading} from '../tracker/sample-run.js';

/** A model of 10 weights that trains in microseconds. */
export function tinyModel(): tf.LayersModel {
  const model = tf.sequential({
    layers: [
      tf.layers.flatten({inputShape: [2, 2, 1]}),
      tf.layers.dense({units: 2, kernelInitializer: tf.initializers.glorotNormal({seed: 1})}),
    ],
  });
  model.compile({optimizer: tf.train.adam(0.01), loss: 'meanSquaredError'});
  return model;
}

/** A source whose readings cost nothing and come at once, or when they are released. */
export function instantSource({deferred = false}: {deferred?: boolean} = {}) {
  const {layers, pooling, fingerprint, probes, engine} = sampleInfo();
  const moments: (Moment & {acquire: boolean})[] = [];
  const queue: Moment[] = [];
  let events: SourceEvents;
  const release = (): void => {
    for (const moment of queue.splice(0))
      events.reading({...sampleReading(moment.step), ...moment}, {child: 1});
  };
  const source: ReadingSource = {
    cost: null,
    info: {layers, blocks: [], pooling, fingerprint, probes, engine},
    async begin(given) {
      events = given;
      events.baseline(sampleBaseline());
    },
    async take(moment, {acquire}) {
      moments.push({...moment, acquire});
      queue.push(moment);
      if (!deferred) release();
    },
    waiting: () => queue.map(({step}) => step),
    lend: async () => false,
    drain: async () => release(),
    close: async () => {},
  };
  return {source, moments, release, events: () => events};
}

/** A real monitor over a source, its record in a folder of its own. */
export async function monitored(
  given: Partial<MonitorOptions> & {model: tf.LayersModel},
  {source, ...parts}: Partial<MonitorParts> & {source: ReadingSource},
) {
  const options = checkOptions({tf, probes: 'probes', budget: Infinity, console: false, ...given});
  const folder = join(mkdtempSync(join(tmpdir(), 'monitor-')), 'run-1');
  const printed: string[] = [];
  const dispatcher = createDispatcher({
    journal: openJournal(folder),
    trackers: options.trackers,

    patience: 1000,
    now: Date.now,
  });
  await dispatcher.start(sampleInfo(), {resumed: false});
  const monitor = await createMonitor({
    options,
    run: {id: 'run-1', folder, fingerprint: 'f1'},
    source,
    dispatcher,
    notices: createNotices({
      emit: dispatcher.event,
      print: line => printed.push(line),
      now: Date.now,
      strict: options.strict,
    }),
    budget: createBudget({share: options.budget, cores: 1, now: () => performance.now()}),
    checkpoints: null,
    saveModel: async () => {},
    optimizer: async () => ({header: null, files: {}}),
    resumed: null,
    report: async () => 'report.html',
    release: () => {},
    clock: () => performance.now(),
    now: Date.now,
    ...parts,
  });
  return {monitor, folder, printed};
}
