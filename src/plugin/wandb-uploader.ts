import {runUploader, type UploaderTask} from '../tracker/index.js';

/**
 * The program of the uploading process, `wandb-invariance/uploader`: it stands here and not among the trackers
 * because it draws the pictures that go with the rows.
 */
const {WANDB_API_KEY: apiKey = ''} = process.env;
await runUploader(JSON.parse(process.argv[2]!) as UploaderTask, {apiKey});
