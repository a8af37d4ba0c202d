// A training on a terminal without a key: says what it does, and whether its process would go on living.
import {openJournal, wandbTracker} from '../../built.mjs';

const {folder, info, baseUrl} = JSON.parse(process.argv[2]);
const journal = openJournal(folder);
const tracker = wandbTracker({baseUrl, surroundings: {env: {HOME: folder}}});
await journal.start(info, {resumed: false});
await tracker.start(info, {resumed: false, folder});
console.log('training');
process.on('SIGUSR2', async () => {
  journal.finish('finished');
  await tracker.finish('finished');
  console.log('done');
  clearInterval(training);
});
const training = setInterval(() => {}, 1000);
