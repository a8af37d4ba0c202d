import {memoryTracker, scalarsOf, type MemoryTracker} from '../../src/tracker/index.js';
import {testTracker} from './contract.js';
import {sampleBaseline} from './sample-run.js';

/** By run folder: a memory tracker ends with its process, a resumed run has a second. */
const opened = new Map<string, MemoryTracker[]>();

testTracker({
  name: 'memory',
  open(folder) {
    const tracker = memoryTracker();
    opened.set(folder, [...(opened.get(folder) ?? []), tracker]);
    return tracker;
  },
  recorded(folder) {
    const trackers = opened.get(folder) ?? [];
    const readings = trackers.flatMap(tracker => tracker.readings);
    const events = trackers.flatMap(tracker => tracker.events);
    const baseline = events.find(event => event.type === 'baseline')?.baseline;
    return {
      steps: readings.map(reading => reading.step),
      retention: readings.map(
        reading => scalarsOf(reading, sampleBaseline())['invariance/retention'] ?? null,
      ),
      baselineSeconds: baseline?.cost.seconds ?? null,
      state: trackers.at(-1)?.state ?? 'running',
    };
  },
});
