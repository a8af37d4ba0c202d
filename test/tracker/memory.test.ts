import {memoryTracker, scalarsOf, type MemoryTracker} from '../../src/tracker/index.js';
import {testTracker} from './contract.js';
import {sampleBaseline} from './sample-run.js';

testTracker({
  name: 'memory',
  open: () => memoryTracker(),
  recorded(_, tracker) {
    const {readings, state} = tracker as MemoryTracker;
    return {
      state,
      steps: readings.map(reading => reading.step),
      retention: readings.map(reading => scalarsOf(reading, sampleBaseline())['invariance/retention']!),
    };
  },
});
