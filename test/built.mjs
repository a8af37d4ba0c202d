// What the tests' own processes take from the build: they run what ships, and none of these names is public.
export {openOrtEngine} from '../dist/engine/ort/open-ort-engine.js';
export {openJournal} from '../dist/journal/open-journal.js';
export {syncRun} from '../dist/tracker/wandb/delivery/sync.js';
export {wandbTracker} from '../dist/tracker/wandb/tracker.js';
