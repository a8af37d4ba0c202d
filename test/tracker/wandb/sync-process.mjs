// A sync in a process of its own, which says what it took. Arguments: the run folder and the timing.
import {syncRun} from '../../built.mjs';

const [folder, timing] = process.argv.slice(2);
const result = await syncRun({folder, timing: JSON.parse(timing)});
console.log(JSON.stringify({...result, peakMiB: process.resourceUsage().maxRSS / 1024}));
