import {setPriority} from 'node:os';
import {runUploader, type UploaderTask} from '../tracker/index.js';
import {wandbPictures} from './wandb-pictures.js';

/**
 * The program of the uploading process, `#uploader` of package.json: it stands here and not among the trackers
 * because it draws the pictures that go with the rows.
 */
const {WANDB_API_KEY: apiKey = ''} = process.env;
// The training has the machine first.
setPriority(10);
await runUploader(JSON.parse(process.argv[2]!) as UploaderTask, {apiKey, pictures: wandbPictures});
